//! What happens to every request before and after its handler? One file each; `router` says in which order.

// sorted: start
pub mod access;
pub mod authenticate;
pub mod drain;
pub mod forwarded;
pub mod hygiene;
pub mod idempotency;
pub mod panic;
pub mod request_id;
pub mod trace;
// sorted: end
