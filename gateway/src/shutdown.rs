//! When does the server stop? On SIGTERM or SIGINT; a second one skips the waiting.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that ask the server to stop.
#[derive(Debug)]
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// Listens from now on.
    ///
    /// # Errors
    /// If the handlers cannot be installed.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next signal.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Does the work unless a signal comes first. Answers whether it was done.
    pub async fn unless_asked_again(&mut self, work: impl Future<Output = ()>) -> bool {
        tokio::select! {
            () = work => true,
            () = self.next() => false,
        }
    }

    /// Waits, unless a signal comes first. Answers whether the time is over.
    pub async fn pause(&mut self, time: Duration) -> bool {
        self.unless_asked_again(tokio::time::sleep(time)).await
    }
}
