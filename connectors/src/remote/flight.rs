//! Which messages of Arrow Flight are used? As `Flight.proto` of Apache Arrow numbers them, and gRPC's status details.
//!
//! <https://github.com/apache/arrow/blob/main/format/Flight.proto>,
//! <https://github.com/googleapis/googleapis/blob/master/google/rpc/status.proto>

use bytes::Bytes;
use prost::Message;

pub(super) const DO_ACTION: &str = "/arrow.flight.protocol.FlightService/DoAction";
pub(super) const DO_GET: &str = "/arrow.flight.protocol.FlightService/DoGet";

/// Of `DoAction`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Action {
    #[prost(string, tag = "1")]
    pub r#type: String,
    #[prost(bytes = "bytes", tag = "2")]
    pub body: Bytes,
}

/// What `DoAction` streams.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ActionResult {
    #[prost(bytes = "bytes", tag = "1")]
    pub body: Bytes,
}

/// Of `DoGet`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Ticket {
    #[prost(bytes = "bytes", tag = "1")]
    pub ticket: Bytes,
}

/// What `DoGet` streams. The descriptor, field 1, is not used.
#[derive(Clone, PartialEq, Message)]
pub(super) struct FlightData {
    #[prost(bytes = "bytes", tag = "2")]
    pub data_header: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    pub app_metadata: Bytes,
    #[prost(bytes = "bytes", tag = "1000")]
    pub data_body: Bytes,
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Status {
    #[prost(int32, tag = "1")]
    pub code: i32,
    #[prost(string, tag = "2")]
    pub message: String,
    #[prost(message, repeated, tag = "3")]
    pub details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Any {
    #[prost(string, tag = "1")]
    pub type_url: String,
    #[prost(bytes = "bytes", tag = "2")]
    pub value: Bytes,
}
