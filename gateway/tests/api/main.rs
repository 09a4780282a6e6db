//! Does the API keep its promises? Through the real router, a real store and the lake engine; one file per noun.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::too_many_arguments,
    reason = "a case fails by panicking"
)]

mod server;

mod auth;
mod behalf;
mod facts;
mod http;
mod keycloak;
mod oidc;
mod queries;
mod results;
mod sockets;
