//! How is a connector reached? In this process, or over a network.

use std::{fmt::Debug, net::SocketAddr, sync::Arc};

use async_trait::async_trait;

use super::Broken;
use crate::{connection::Connection, connector::Connector, split::Handle};

/// A way to reach connectors.
#[async_trait]
pub trait Transport: Debug + Send + Sync {
    /// Its name in the matrix.
    fn name(&self) -> &'static str;

    /// Makes a connector reachable. Two routes of one transport are two replicas: what one gives out, the other takes.
    async fn carry(&self, connector: Arc<dyn Connector>) -> Result<Arc<dyn Route>, Broken>;
}

/// One connector within reach. Dropping it ends what serves it.
pub trait Route: Debug + Send + Sync {
    /// What callers use.
    fn connector(&self) -> Arc<dyn Connector>;

    /// The connection as callers configure it.
    fn connection(&self, source: Connection) -> Connection;

    /// Address that callers connect to, if there is one.
    fn address(&self) -> Option<SocketAddr> {
        None
    }

    /// The same over another port of the loopback address.
    fn through(&self, source: Connection, port: u16) -> Option<Connection> {
        let _ = (source, port);
        None
    }

    /// The handle with what travels of it changed, `None` where nothing travels.
    fn spoil(&self, handle: &Handle, how: Spoil) -> Option<Handle> {
        let _ = (handle, how);
        None
    }
}

/// What an attacker does to a handle.
#[derive(Clone, Copy, Debug)]
pub enum Spoil {
    /// Flips one bit; the number is taken modulo the length.
    Flip(usize),
    /// Keeps that many thousandths of it.
    Cut(usize),
    /// Adds a byte.
    Lengthen,
    /// Takes the handle, but puts another request beside it.
    OtherRequest,
}

/// Calls are calls.
#[derive(Debug)]
pub struct InProcess;

#[async_trait]
impl Transport for InProcess {
    fn name(&self) -> &'static str {
        "in process"
    }

    async fn carry(&self, connector: Arc<dyn Connector>) -> Result<Arc<dyn Route>, Broken> {
        Ok(Arc::new(Direct(connector)))
    }
}

#[derive(Debug)]
struct Direct(Arc<dyn Connector>);

impl Route for Direct {
    fn connector(&self) -> Arc<dyn Connector> {
        Arc::clone(&self.0)
    }

    fn connection(&self, source: Connection) -> Connection {
        source
    }
}
