//! When does a command that waits stop waiting? On Ctrl-C, or when nobody reads its output any more.

use std::{io, os::fd::AsFd};

use tokio::{
    io::Interest,
    net::unix::pipe,
    signal::unix::{Signal, SignalKind, signal},
};

use super::failure::{Failure, Result};

/// Why to stop.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StopReason {
    Interrupt,
    /// The reader of the standard output has gone away.
    Closed,
}

/// Listens from its creation on: a signal that comes early is not lost.
#[derive(Debug)]
pub struct Stop {
    interrupts: Signal,
    terminations: Signal,
    output: Option<pipe::Sender>,
    /// Asked for already, and not told yet.
    pending: Option<StopReason>,
}

impl Stop {
    /// Starts to listen.
    ///
    /// # Errors
    /// If signals cannot be handled.
    pub fn listen() -> Result<Self> {
        let failed = |error: io::Error| Failure::local(format!("signals cannot be handled: {error}"));
        let interrupts = signal(SignalKind::interrupt()).map_err(failed)?;
        let terminations = signal(SignalKind::terminate()).map_err(failed)?;
        // Only watched, never written to, so that it may block. A regular file cannot be watched, and always takes more.
        let output = io::stdout().as_fd().try_clone_to_owned();
        let output = output.and_then(pipe::Sender::from_owned_fd_unchecked).ok();
        Ok(Self {
            interrupts,
            terminations,
            output,
            pending: None,
        })
    }

    /// Comes when it is time to stop; again for a second Ctrl-C.
    pub async fn asked(&mut self) -> StopReason {
        match self.pending.take() {
            Some(reason) => reason,
            None => self.next().await,
        }
    }

    /// Comes at the second Ctrl-C; what was asked before is told later.
    pub async fn insisted(&mut self) {
        loop {
            let reason = self.next().await;
            if reason == StopReason::Interrupt && self.pending == Some(StopReason::Interrupt) {
                return;
            }
            self.pending = Some(reason);
        }
    }

    async fn next(&mut self) -> StopReason {
        let closed = async {
            match &self.output {
                Some(output) if output.ready(Interest::ERROR).await.is_ok() => {}
                _ => std::future::pending().await,
            }
        };
        let reason = tokio::select! {
            _ = self.interrupts.recv() => StopReason::Interrupt,
            _ = self.terminations.recv() => StopReason::Interrupt,
            () = closed => StopReason::Closed,
        };
        if reason == StopReason::Closed {
            // Said once.
            self.output = None;
        }
        reason
    }
}
