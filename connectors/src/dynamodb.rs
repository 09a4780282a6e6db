//! How is DynamoDB read? Keys become BatchGetItem and Query, the rest parallel Scans; answers are decoded straight into Arrow.
//!
//! Signed calls of our own to five operations (ADR 0032): answers are read as a stream of JSON and never become maps of items.

mod budget;
mod builder;
mod client;
mod connector;
mod decode;
mod describe;
mod description;
mod error;
mod expression;
mod http;
mod infer;
mod json_text;
mod keys;
mod kind;
mod literal;
mod number;
mod path;
mod plan;
mod read;
mod request;
mod sample;
mod settings;
mod splits;
mod table;

pub use connector::DynamoDbConnector;
