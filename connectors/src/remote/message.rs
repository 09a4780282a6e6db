//! What do a gateway and a remote connector say to each other? The messages of `connectors/proto/connector.proto`.
//!
//! Written beside that file, which a test compares field by field, so that no build needs a compiler for it.

mod running;

use bytes::Bytes;
use prost::Message;

pub(super) use running::{Cancel, Counters, Done, End, Failure, Progress, Release};

/// The connection of a call. The credential travels apart from it, sealed.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Connection {
    #[prost(string, tag = "1")]
    pub id: String,
    #[prost(uint64, tag = "2")]
    pub version: u64,
    #[prost(string, tag = "3")]
    pub kind: String,
    #[prost(string, tag = "4")]
    pub options_json: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Name {
    #[prost(string, optional, tag = "1")]
    pub database: Option<String>,
    #[prost(string, tag = "2")]
    pub name: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Describe {
    #[prost(message, optional, tag = "1")]
    pub connection: Option<Connection>,
    /// "ping", "databases", "tables", "table" or "query"
    #[prost(string, tag = "2")]
    pub what: String,
    #[prost(message, optional, tag = "3")]
    pub name: Option<Name>,
    #[prost(string, optional, tag = "4")]
    pub token: Option<String>,
    #[prost(uint64, optional, tag = "5")]
    pub size: Option<u64>,
    /// A statement in the source's own language.
    #[prost(string, optional, tag = "6")]
    pub query: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Described {
    #[prost(message, repeated, tag = "1")]
    pub names: Vec<Name>,
    #[prost(string, optional, tag = "2")]
    pub next: Option<String>,
    #[prost(message, optional, tag = "3")]
    pub table: Option<Table>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Table {
    #[prost(message, optional, tag = "1")]
    pub name: Option<Name>,
    #[prost(bytes = "bytes", tag = "2")]
    pub schema: Bytes,
    #[prost(message, repeated, tag = "3")]
    pub columns: Vec<Column>,
    #[prost(message, repeated, tag = "4")]
    pub keys: Vec<Key>,
    #[prost(message, repeated, tag = "5")]
    pub indexes: Vec<Index>,
    #[prost(bytes = "bytes", tag = "6")]
    pub handle: Bytes,
    #[prost(message, optional, tag = "7")]
    pub capabilities: Option<Capabilities>,
    #[prost(message, optional, tag = "8")]
    pub statistics: Option<Statistics>,
    #[prost(string, optional, tag = "9")]
    pub version: Option<String>,
    #[prost(bool, tag = "10")]
    pub sampled: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Column {
    #[prost(string, tag = "1")]
    pub id: String,
    #[prost(string, tag = "2")]
    pub remote_type: String,
    #[prost(string, optional, tag = "3")]
    pub collation: Option<String>,
    #[prost(bool, tag = "4")]
    pub nullable: bool,
    #[prost(string, optional, tag = "5")]
    pub unsupported: Option<String>,
    #[prost(string, optional, tag = "6")]
    pub comment: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Key {
    #[prost(bool, tag = "1")]
    pub primary: bool,
    #[prost(string, repeated, tag = "2")]
    pub columns: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Index {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, repeated, tag = "2")]
    pub columns: Vec<String>,
    #[prost(bool, tag = "3")]
    pub unique: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Statistics {
    #[prost(uint64, optional, tag = "1")]
    pub rows: Option<u64>,
    #[prost(uint64, optional, tag = "2")]
    pub bytes: Option<u64>,
}

/// Verdicts: 0 unsupported, 1 inexact, 2 exact.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Capabilities {
    #[prost(message, repeated, tag = "1")]
    pub filter: Vec<FilterClaim>,
    #[prost(uint32, tag = "2")]
    pub limit: u32,
    #[prost(uint32, tag = "3")]
    pub consistency: u32,
    /// Functions that are done exactly; with them, grouping.
    #[prost(string, repeated, tag = "8")]
    pub aggregates: Vec<String>,
    #[prost(uint32, tag = "9")]
    pub top_n: u32,
    /// Tables of one connection may be joined.
    #[prost(bool, tag = "10")]
    pub join: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct FilterClaim {
    #[prost(string, tag = "1")]
    pub operator: String,
    #[prost(string, tag = "2")]
    pub r#type: String,
    #[prost(uint32, tag = "3")]
    pub verdict: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Plan {
    #[prost(message, optional, tag = "1")]
    pub connection: Option<Connection>,
    /// A `Scan`. Bytes, because handles are bound to them.
    #[prost(bytes = "bytes", tag = "2")]
    pub scan: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Scan {
    #[prost(bytes = "bytes", tag = "1")]
    pub table: Bytes,
    #[prost(string, repeated, tag = "2")]
    pub columns: Vec<String>,
    /// The guard's rows; its masks beside it.
    #[prost(message, optional, tag = "3")]
    pub guard: Option<Predicate>,
    #[prost(message, repeated, tag = "4")]
    pub masks: Vec<Mask>,
    #[prost(message, repeated, tag = "5")]
    pub filter: Vec<Predicate>,
    #[prost(message, repeated, tag = "6")]
    pub group_by: Vec<ColumnRef>,
    #[prost(message, repeated, tag = "7")]
    pub aggregates: Vec<Aggregate>,
    #[prost(message, repeated, tag = "8")]
    pub order: Vec<SortKey>,
    #[prost(uint64, optional, tag = "9")]
    pub limit: Option<u64>,
    #[prost(message, repeated, tag = "10")]
    pub output: Vec<OutputColumn>,
    #[prost(message, repeated, tag = "11")]
    pub dynamic: Vec<DynamicSlot>,
    /// Types and nullability of the output, one field per column: an Arrow IPC schema.
    #[prost(bytes = "bytes", tag = "12")]
    pub schema: Bytes,
    /// Of a join, in postfix order: sides come before what joins them. Then there is no table, and no guard, in the scan itself.
    #[prost(message, repeated, tag = "13")]
    pub relation: Vec<Related>,
}

/// A table with its guard, or, where it says how, the join of the two that come before it.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Related {
    #[prost(bytes = "bytes", tag = "1")]
    pub table: Bytes,
    #[prost(string, repeated, tag = "2")]
    pub columns: Vec<String>,
    #[prost(message, optional, tag = "3")]
    pub guard: Option<Predicate>,
    #[prost(message, repeated, tag = "4")]
    pub masks: Vec<Mask>,
    /// "inner", "left", "semi" or "anti"
    #[prost(string, tag = "5")]
    pub join: String,
    /// The columns that are equal: as many of the left side as of the right.
    #[prost(message, repeated, tag = "6")]
    pub left: Vec<ColumnRef>,
    #[prost(message, repeated, tag = "7")]
    pub right: Vec<ColumnRef>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ColumnRef {
    #[prost(uint32, tag = "1")]
    pub table: u32,
    #[prost(string, tag = "2")]
    pub column: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Mask {
    #[prost(string, tag = "1")]
    pub column: String,
    #[prost(string, tag = "2")]
    pub function: String,
    /// Of one row each.
    #[prost(message, repeated, tag = "3")]
    pub arguments: Vec<Array>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Aggregate {
    #[prost(string, tag = "1")]
    pub function: String,
    /// In postfix order: operands come before what combines them. None: of rows.
    #[prost(message, repeated, tag = "2")]
    pub argument: Vec<Operand>,
}

/// One of them: a column, a literal of one row, or `+`, `-`, `*`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Operand {
    #[prost(message, optional, tag = "1")]
    pub column: Option<ColumnRef>,
    #[prost(message, optional, tag = "2")]
    pub literal: Option<Array>,
    #[prost(string, tag = "3")]
    pub operator: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SortKey {
    #[prost(message, optional, tag = "1")]
    pub column: Option<ColumnRef>,
    #[prost(bool, tag = "2")]
    pub descending: bool,
    #[prost(bool, tag = "3")]
    pub nulls_first: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct OutputColumn {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, optional, tag = "2")]
    pub column: Option<ColumnRef>,
    #[prost(uint32, optional, tag = "3")]
    pub aggregate: Option<u32>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct DynamicSlot {
    #[prost(uint32, tag = "1")]
    pub id: u32,
    #[prost(message, repeated, tag = "2")]
    pub columns: Vec<ColumnRef>,
}

/// A predicate in postfix order: parts come before what combines them.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Predicate {
    #[prost(message, repeated, tag = "1")]
    pub steps: Vec<Step>,
    /// A literal is a row of one of them, a key set all rows of one.
    #[prost(message, repeated, tag = "2")]
    pub literals: Vec<Array>,
}

/// Values of one type: Arrow IPC messages of a schema with one field and of a batch, not compressed.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Array {
    #[prost(bytes = "bytes", tag = "1")]
    pub schema: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub header: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    pub body: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Step {
    /// "true", "false", "and", "or", "not", "compare", "in", "between", "null", "like" or "call"
    #[prost(string, tag = "1")]
    pub what: String,
    /// Parts of "and" and "or", arguments of "call".
    #[prost(uint32, tag = "2")]
    pub count: u32,
    #[prost(message, optional, tag = "3")]
    pub column: Option<ColumnRef>,
    /// Operator of "compare", function of "call", pattern of "like" with `\` as its escape.
    #[prost(string, tag = "4")]
    pub text: String,
    /// NULL passes "in"; "null" is negated.
    #[prost(bool, tag = "5")]
    pub flag: bool,
    #[prost(message, repeated, tag = "6")]
    pub values: Vec<Literal>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Literal {
    #[prost(uint32, tag = "1")]
    pub array: u32,
    #[prost(uint32, tag = "2")]
    pub row: u32,
    /// An argument of "call" that is a column.
    #[prost(message, optional, tag = "3")]
    pub column: Option<ColumnRef>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Planned {
    #[prost(bytes = "bytes", tag = "1")]
    pub handle: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub schema: Bytes,
    #[prost(message, optional, tag = "3")]
    pub estimate: Option<Statistics>,
    #[prost(uint32, tag = "4")]
    pub consistency: u32,
    #[prost(uint32, tag = "5")]
    pub guard: u32,
    #[prost(uint32, repeated, tag = "6")]
    pub filter: Vec<u32>,
    #[prost(uint32, repeated, tag = "7")]
    pub dynamic: Vec<u32>,
    #[prost(uint32, tag = "8")]
    pub aggregate: u32,
    #[prost(uint32, tag = "9")]
    pub join: u32,
    /// 0 unsupported, 1 per split, 2 global
    #[prost(uint32, tag = "10")]
    pub order: u32,
    /// 0 unsupported, 1 per split, 2 exact
    #[prost(uint32, tag = "11")]
    pub limit: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Splits {
    #[prost(message, optional, tag = "1")]
    pub connection: Option<Connection>,
    #[prost(bytes = "bytes", tag = "2")]
    pub handle: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    pub scan: Bytes,
    #[prost(uint32, tag = "4")]
    pub parallelism: u32,
    #[prost(string, optional, tag = "5")]
    pub token: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SplitsFound {
    #[prost(message, repeated, tag = "1")]
    pub splits: Vec<Split>,
    #[prost(string, optional, tag = "2")]
    pub next: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Split {
    #[prost(uint64, tag = "1")]
    pub id: u64,
    #[prost(bytes = "bytes", tag = "2")]
    pub handle: Bytes,
    #[prost(uint64, tag = "3")]
    pub bytes: u64,
    #[prost(uint64, optional, tag = "4")]
    pub rows: Option<u64>,
    #[prost(string, optional, tag = "5")]
    pub locality: Option<String>,
    #[prost(message, optional, tag = "6")]
    pub statement: Option<Statement>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Statement {
    #[prost(string, optional, tag = "1")]
    pub namespace: Option<String>,
    #[prost(string, tag = "2")]
    pub collection: String,
    #[prost(string, optional, tag = "3")]
    pub text: Option<String>,
    #[prost(string, optional, tag = "4")]
    pub server: Option<String>,
    #[prost(uint32, tag = "5")]
    pub port: u32,
    #[prost(string, optional, tag = "6")]
    pub pushdown: Option<String>,
}

/// The ticket of DoGet: a split, or a sample of a table.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Read {
    #[prost(message, optional, tag = "1")]
    pub connection: Option<Connection>,
    #[prost(bytes = "bytes", tag = "2")]
    pub handle: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    pub scan: Bytes,
    #[prost(uint64, tag = "4")]
    pub batch_rows: u64,
    #[prost(message, repeated, tag = "5")]
    pub dynamic: Vec<Late>,
    #[prost(uint64, optional, tag = "6")]
    pub row_hint: Option<u64>,
    #[prost(message, optional, tag = "7")]
    pub sample: Option<Name>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Late {
    #[prost(uint32, tag = "1")]
    pub slot: u32,
    #[prost(message, optional, tag = "2")]
    pub predicate: Option<Predicate>,
}
