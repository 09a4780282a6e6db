//! How does the demo's server start and stop? It is this binary, run as everybody would run it.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use serde::Deserialize;
use tokio::{
    process::{Child, Command},
    signal::unix::{Signal, SignalKind, signal},
};

use super::{home::Home, people::People, relational::Relational};
use crate::cli::failure::{Failure, Result};

const PATIENCE: Duration = Duration::from_secs(120);
const STOPPING: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(20);
/// The first port that is tried, and how many follow.
const PORTS: std::ops::Range<u16> = 8_080..8_280;

/// A running server; killed when dropped.
#[derive(Debug)]
pub(super) struct DemoServer {
    child: Child,
    http: SocketAddr,
    log: PathBuf,
    /// Listened to from before the start: the server must not outlive us.
    signals: [Signal; 3],
}

#[derive(Deserialize)]
struct Ready {
    http: SocketAddr,
}

impl DemoServer {
    /// Starts the server and waits until its doors are open. With `known_ports` it gets the next free ones from 8080 on.
    pub(super) async fn start(
        home: &Home,
        people: &People,
        relational: &Relational,
        known_ports: bool,
    ) -> Result<Self> {
        let ready_file = home.ready_file();
        let _ = fs::remove_file(&ready_file);
        let (http, management) = if known_ports { next_free_ports() } else { (0, 0) };
        let log = home.log();
        let failed = |error: std::io::Error| Failure::local(format!("the server cannot be started: {error}"));
        let output = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .map_err(failed)?;
        let start = output.metadata().map_or(0, |metadata| metadata.len());
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        command
            .arg("serve")
            .arg("--data")
            .arg(home.data())
            .arg("--apply")
            .arg(home.lake())
            .arg("--apply")
            .arg(&relational.lake_file)
            .args(["--http", &format!("127.0.0.1:{http}"), "--management", &format!("127.0.0.1:{management}")])
            .arg("--ready-file")
            .arg(&ready_file)
            // Nobody balances load over this server: it need not wait to be forgotten.
            .env("LAKEGATE__DRAIN__DELAY_SECONDS", "0")
            .env("LAKEGATE__DRAIN__TIMEOUT_SECONDS", "5")
            .envs(people.variables())
            .envs(relational.variables.iter().map(|(name, value)| (*name, value.as_str())))
            .stdin(Stdio::null())
            .stdout(output.try_clone().map_err(failed)?)
            .stderr(output)
            // Ctrl-C is ours: we tell the server.
            .process_group(0)
            .kill_on_drop(true);
        let listen = |kind| signal(kind).map_err(failed);
        let mut signals = [
            listen(SignalKind::interrupt())?,
            listen(SignalKind::terminate())?,
            listen(SignalKind::hangup())?,
        ];
        let mut child = command.spawn().map_err(failed)?;
        let begun = Instant::now();
        loop {
            if let Some(ready) = read_ready(&ready_file) {
                return Ok(Self {
                    child,
                    http: ready.http,
                    log,
                    signals,
                });
            }
            if let Some(status) = child.try_wait().map_err(failed)? {
                return Err(Failure::local(format!(
                    "the server ended with {status}:\n{}",
                    tail(&log, start)
                )));
            }
            if begun.elapsed() > PATIENCE {
                return Err(Failure::local(format!(
                    "the server is not ready after {} s:\n{}",
                    PATIENCE.as_secs(),
                    tail(&log, start)
                )));
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = next(&mut signals) => return Err(Failure::interrupted("stopped before the server was ready")),
            }
        }
    }

    /// Where it listens.
    pub(super) fn http(&self) -> SocketAddr {
        self.http
    }

    /// Waits until somebody wants to end the demo.
    ///
    /// # Errors
    /// If the server ends by itself.
    pub(super) async fn wait(&mut self) -> Result<()> {
        tokio::select! {
            () = next(&mut self.signals) => Ok(()),
            status = self.child.wait() => Err(Failure::local(match status {
                Ok(status) => format!("the server ended with {status}; see {}", self.log.display()),
                Err(error) => format!("the server is lost: {error}"),
            })),
        }
    }

    /// Asks it to stop, and waits until it has.
    pub(super) async fn stop(mut self) -> Result<()> {
        let Some(pid) = self.child.id() else { return Ok(()) };
        // The shell's own `kill`: the only way to send SIGTERM without unsafe code, and there wherever `sh` is.
        let told = Command::new("sh")
            .args(["-c", "kill -TERM \"$0\"", &pid.to_string()])
            .status()
            .await;
        if !told.is_ok_and(|status| status.success()) {
            let _ = self.child.start_kill();
        }
        match tokio::time::timeout(STOPPING, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(Failure::local(format!(
                "the server stopped with {status}; see {}",
                self.log.display()
            ))),
            Ok(Err(error)) => Err(Failure::local(format!("the server is lost: {error}"))),
            Err(_) => {
                let _ = self.child.start_kill();
                Err(Failure::local(format!(
                    "the server did not stop within {} s",
                    STOPPING.as_secs()
                )))
            }
        }
    }
}

async fn next([interrupt, terminate, hang_up]: &mut [Signal; 3]) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hang_up.recv() => {}
    }
}

/// The file appears whole.
fn read_ready(path: &Path) -> Option<Ready> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// The end of what this start has written.
fn tail(log: &Path, start: u64) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let new = bytes.get(usize::try_from(start).unwrap_or(0)..).unwrap_or_default();
    let text = String::from_utf8_lossy(new);
    let lines: Vec<&str> = text.lines().collect();
    lines
        .get(lines.len().saturating_sub(20)..)
        .unwrap_or_default()
        .join("\n")
}

/// Two ports that nobody listens on now, or zeros, which ask for any.
fn next_free_ports() -> (u16, u16) {
    let mut free = PORTS.filter(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok());
    (free.next().unwrap_or(0), free.next().unwrap_or(0))
}
