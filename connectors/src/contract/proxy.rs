//! What can go wrong on the way to a server? A TCP proxy that refuses, resets, hangs, babbles or stops in the middle.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// What happens to the bytes that the server sends. Counted over one connection.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    None,
    /// Nobody listens.
    Refuse,
    /// A reset after that many bytes.
    Reset(usize),
    /// Silence after that many bytes.
    Hang(usize),
    /// 1 KB a second after that many bytes.
    Slow(usize),
    /// Other bytes after that many.
    Garbage(usize),
    /// A regular end after that many bytes.
    Truncate(usize),
}

/// A proxy in front of a server. Dropping it closes everything.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    seen: Arc<Mutex<Vec<u8>>>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// Listens on a free port of the loopback address.
    ///
    /// # Errors
    /// If there is none.
    pub async fn start(server: SocketAddr, fault: Fault) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        if !matches!(fault, Fault::Refuse) {
            tasks.spawn(accept(listener, server, fault, Arc::clone(&seen)));
        }
        Ok(Self {
            port,
            seen,
            _tasks: tasks,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Bytes that the server has sent so far.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Did the server send this text?
    #[must_use]
    pub fn saw(&self, text: &str) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.windows(text.len()).any(|window| window == text.as_bytes())
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, fault: Fault, seen: Arc<Mutex<Vec<u8>>>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let seen = Arc::clone(&seen);
        connections.spawn(async move {
            if let Ok(server) = TcpStream::connect(server).await {
                // A broken connection is what the proxy is for.
                carry(client, server, fault, &seen).await.ok();
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn carry(client: TcpStream, server: TcpStream, fault: Fault, seen: &Mutex<Vec<u8>>) -> io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let up = async {
        tokio::io::copy(&mut from_client, &mut to_server).await?;
        to_server.shutdown().await
    };
    let down = async {
        let mut sent = 0;
        let mut buffer = vec![0; 16 << 10];
        loop {
            let room = fault.room(sent).min(buffer.len());
            if room == 0 {
                return Ok::<bool, io::Error>(true);
            }
            let space = buffer.get_mut(..room).unwrap_or_default();
            let count = from_server.read(space).await?;
            if count == 0 {
                to_client.shutdown().await?;
                return Ok(false);
            }
            let bytes = space.get_mut(..count).unwrap_or_default();
            seen.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend_from_slice(bytes);
            if fault.past(sent) {
                match fault {
                    Fault::Slow(_) => tokio::time::sleep(Duration::from_secs(1)).await,
                    _ => bytes
                        .iter_mut()
                        .enumerate()
                        .for_each(|(at, byte)| *byte = noise(sent + at)),
                }
            }
            to_client.write_all(bytes).await?;
            sent += count;
        }
    };
    let broken = tokio::select! {
        outcome = down => outcome?,
        outcome = up => { outcome?; false }
    };
    if !broken {
        // One side has ended well: let the other one.
        tokio::io::copy(&mut from_server, &mut to_client).await?;
        return Ok(());
    }
    match fault {
        Fault::Hang(_) => std::future::pending().await,
        Fault::Reset(_) => {
            let client = from_client
                .reunite(to_client)
                .map_err(|_| io::Error::other("two halves of two streams"))?;
            client.set_zero_linger()
        }
        _ => to_client.shutdown().await,
    }
}

fn noise(at: usize) -> u8 {
    u8::try_from(at.wrapping_mul(2_654_435_761) >> 11 & 0xff).unwrap_or(0)
}

impl Fault {
    /// How many bytes may be passed on now.
    fn room(self, sent: usize) -> usize {
        match self {
            Self::None | Self::Refuse => usize::MAX,
            Self::Reset(after) | Self::Hang(after) | Self::Truncate(after) => after.saturating_sub(sent),
            Self::Slow(after) | Self::Garbage(after) if sent < after => after - sent,
            Self::Slow(_) => 1_024,
            Self::Garbage(_) => usize::MAX,
        }
    }

    /// Is everything from here on changed?
    fn past(self, sent: usize) -> bool {
        matches!(self, Self::Slow(after) | Self::Garbage(after) if sent >= after)
    }
}
