//! How is a PostgreSQL server read? Schemas are databases; one SELECT per scan, written by us and decoded from its wire form.

mod connector;
mod describe;
mod error;
mod plan;
mod read;
mod splits;
mod statement;
mod types;

mod catalog;
mod decode;
mod literal;
mod numeric;
mod pool;
mod settings;
mod tls;

pub use connector::PostgresConnector;
