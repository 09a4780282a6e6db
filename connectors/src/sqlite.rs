//! How is an SQLite file read? The embedded relational source: one database `main`, opened read-only through sqlx.

mod connector;
mod describe;
mod error;
mod open;
mod plan;
mod read;
mod splits;
mod statement;
mod types;

pub use connector::SqliteConnector;
