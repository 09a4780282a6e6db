//! What is said while a read runs and of how it ends, and how it is ended from beside.

use bytes::Bytes;
use prost::Message;

use super::Connection;

/// Ends the work of another call of the same connection. Advisory: another replica may do the work.
#[derive(Clone, PartialEq, Message)]
pub(in crate::remote) struct Cancel {
    #[prost(message, optional, tag = "1")]
    pub connection: Option<Connection>,
    #[prost(string, tag = "2")]
    pub invocation: String,
}

/// No split of the scan, one of whose is named, is read any more: ends what is held for them at the source.
#[derive(Clone, PartialEq, Message)]
pub(in crate::remote) struct Release {
    #[prost(message, optional, tag = "1")]
    pub connection: Option<Connection>,
    #[prost(bytes = "bytes", tag = "2")]
    pub handle: Bytes,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(in crate::remote) struct Done {}

#[derive(Clone, PartialEq, Message)]
pub(in crate::remote) struct Counters {
    #[prost(uint64, tag = "1")]
    pub bytes_source: u64,
    #[prost(uint64, tag = "2")]
    pub bytes_returned: u64,
    #[prost(uint64, tag = "3")]
    pub rows: u64,
    #[prost(uint64, tag = "4")]
    pub requests: u64,
    #[prost(uint64, tag = "5")]
    pub retries: u64,
    #[prost(uint64, tag = "6")]
    pub throttled_ms: u64,
    #[prost(uint64, tag = "7")]
    pub capacity_milli: u64,
    #[prost(string, optional, tag = "8")]
    pub snapshot: Option<String>,
}

/// `app_metadata` of every message of a read. Counters are totals since the read began.
#[derive(Clone, PartialEq, Message)]
pub(in crate::remote) struct Progress {
    #[prost(message, optional, tag = "1")]
    pub counters: Option<Counters>,
    #[prost(message, optional, tag = "2")]
    pub end: Option<End>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(in crate::remote) struct End {
    #[prost(uint64, tag = "1")]
    pub rows: u64,
    #[prost(uint64, tag = "2")]
    pub batches: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::remote) struct Failure {
    #[prost(string, tag = "1")]
    pub kind: String,
    #[prost(string, tag = "2")]
    pub code: String,
    #[prost(string, tag = "3")]
    pub message: String,
    #[prost(string, optional, tag = "4")]
    pub detail: Option<String>,
    #[prost(string, optional, tag = "5")]
    pub file: Option<String>,
    #[prost(string, optional, tag = "6")]
    pub status: Option<String>,
    /// Pause before the next try: absent is the kind's own rule.
    #[prost(uint64, optional, tag = "7")]
    pub retry_after_ms: Option<u64>,
    #[prost(message, optional, tag = "8")]
    pub counters: Option<Counters>,
}
