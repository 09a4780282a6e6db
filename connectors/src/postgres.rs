//! How is a PostgreSQL server read? Schemas are databases; a scan is one SELECT, or a COPY of it for each
//! range of a large table's pages, written by us and decoded from its wire form.

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
mod fold;
mod join;
mod list;
mod literal;
mod numeric;
mod part;
mod passthrough;
mod pool;
mod rows;
mod settings;
mod snapshot;
mod tls;

pub use connector::PostgresConnector;
