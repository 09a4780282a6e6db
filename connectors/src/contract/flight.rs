//! The transport over Arrow Flight, with a host of this process on a port of its own.

use std::{net::SocketAddr, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use secrecy::SecretString;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{
    Broken,
    transport::{Route, Spoil, Transport},
};
use crate::{
    connection::Connection,
    connector::Connector,
    credential::Credential,
    remote::{
        Travelling,
        host::{Host, HostSettings},
        keys::Keys,
        listener::serve,
        routed::Routed,
        settings::REMOTE,
    },
    split::Handle,
};

/// Calls travel to a host and back. All hosts of one transport share a key.
#[derive(Debug)]
pub struct Flight {
    key: String,
}

impl Flight {
    /// With a key of its own.
    #[must_use]
    pub fn new() -> Self {
        let half = || uuid::Uuid::new_v4().simple().to_string();
        Self {
            key: format!("{}{}", half(), half()),
        }
    }
}

impl Default for Flight {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Transport for Flight {
    fn name(&self) -> &'static str {
        "over Flight"
    }

    async fn carry(&self, connector: Arc<dyn Connector>) -> Result<Arc<dyn Route>, Broken> {
        let gateway = Arc::new(Routed::over(Arc::clone(&connector)));
        let Some(_) = connector.handles() else {
            return Ok(Arc::new(Remote {
                gateway,
                address: None,
                key: self.key.clone(),
                stop: CancellationToken::new(),
                _server: JoinSet::new(),
            }));
        };
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let settings = HostSettings {
            keys: Some(Keys::of_hex([self.key.as_str()])?),
            // What the connection of the fixture names on this machine.
            local_roots: vec!["/".into()],
            ..HostSettings::default()
        };
        let host = Arc::new(Host::new(connector, settings)?);
        let stop = CancellationToken::new();
        let mut server = JoinSet::new();
        server.spawn(serve(host, listener, None, stop.clone()));
        Ok(Arc::new(Remote {
            gateway,
            address: Some(address),
            key: self.key.clone(),
            stop,
            _server: server,
        }))
    }
}

struct Remote {
    gateway: Arc<Routed>,
    /// `None` where the connector does not travel.
    address: Option<SocketAddr>,
    key: String,
    stop: CancellationToken,
    _server: JoinSet<std::io::Result<()>>,
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Remote({:?})", self.gateway)
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Remote {
    fn at(&self, mut source: Connection, port: u16) -> Connection {
        source
            .options
            .insert(REMOTE.to_owned(), format!("grpc://127.0.0.1:{port}").into());
        // The directory is the gateway's: to the host everything is where it is.
        if let (Some(directory), Some(path)) = (source.directory.take(), source.text("path").ok().flatten()) {
            let path = directory.join(path).to_string_lossy().into_owned();
            source.options.insert("path".to_owned(), path.into());
        }
        source.local_roots.clear();
        let secret = SecretString::from(self.key.clone());
        source.credential = Credential::new([("remote_key".to_owned(), secret)]).or(&source.credential);
        source
    }
}

impl Route for Remote {
    fn connector(&self) -> Arc<dyn Connector> {
        Arc::clone(&self.gateway) as Arc<dyn Connector>
    }

    fn connection(&self, source: Connection) -> Connection {
        match self.address {
            Some(address) => self.at(source, address.port()),
            None => source,
        }
    }

    fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    fn through(&self, source: Connection, port: u16) -> Option<Connection> {
        self.address.map(|_| self.at(source, port))
    }

    fn spoil(&self, handle: &Handle, how: Spoil) -> Option<Handle> {
        let mut travelling = handle.get::<Travelling>().ok()?.clone();
        let mut bytes = travelling.sealed.to_vec();
        let length = bytes.len();
        match how {
            Spoil::Flip(bit) => {
                let byte = bytes.get_mut((bit / 8) % length)?;
                *byte ^= 1 << (bit % 8);
            }
            Spoil::Cut(thousandths) => bytes.truncate(length * thousandths.min(999) / 1_000),
            Spoil::Lengthen => bytes.push(0),
            Spoil::OtherRequest => {
                let mut scan = travelling.scan.to_vec();
                // Field 9, a limit of 1: another request, and a good one.
                scan.extend([0x48, 0x01]);
                travelling.scan = Bytes::from(scan);
            }
        }
        travelling.sealed = Bytes::from(bytes);
        Some(Handle::new(travelling))
    }
}
