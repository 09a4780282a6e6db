//! How is a connector reached in another process? Over Arrow Flight: HTTP/2, protobuf, Arrow IPC.
//!
//! ```text
//! Routed ─ option `remote`? ─ no ─► the connector of this process
//!             │ yes
//!             ▼
//!        RemoteConnector ─ channel ─ HTTP/2 ─► Host ─► a connector over there
//! ```
//! The wire stands in `connectors/proto/connector.proto`. Handles are signed where they leave a process (`sealed`), calls and
//! credentials with the shared key (`call`, `keys`). Neither side believes the other more than it must: a gateway checks every
//! batch against the negotiated schema and its size before it is decoded (`ipc`), and the barrier repeats every condition; a
//! host takes nothing without a good token or certificate. Not here: the command `lakegate connector serve`.

pub mod host;
pub mod keys;
pub mod listener;
pub mod routed;
pub mod settings;

mod answer;
mod call;
mod channel;
mod client;
mod flight;
mod grpc;
mod ipc;
mod message;
mod rows;
mod running;
mod sealed;
mod wire;

pub(crate) use client::Travelling;

#[cfg(test)]
mod tests;
