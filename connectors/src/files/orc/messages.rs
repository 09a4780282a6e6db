//! How are the footers of ORC written? The messages of its specification (orc.apache.org/specification/ORCv1), as far as they are read.

use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(super) struct PostScript {
    #[prost(uint64, tag = "1")]
    pub(super) footer_length: u64,
    #[prost(uint32, tag = "2")]
    pub(super) compression: u32,
    #[prost(uint64, tag = "3")]
    pub(super) block_size: u64,
    /// Of the format, the larger number first.
    #[prost(uint32, repeated, tag = "4")]
    pub(super) version: Vec<u32>,
    #[prost(string, tag = "8000")]
    pub(super) magic: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Footer {
    #[prost(message, repeated, tag = "3")]
    pub(super) stripes: Vec<Stripe>,
    #[prost(message, repeated, tag = "4")]
    pub(super) types: Vec<Type>,
    #[prost(uint64, tag = "6")]
    pub(super) rows: u64,
    /// Set if some columns are encrypted.
    #[prost(bytes = "vec", optional, tag = "10")]
    pub(super) encryption: Option<Vec<u8>>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Stripe {
    #[prost(uint64, tag = "1")]
    pub(super) offset: u64,
    #[prost(uint64, tag = "2")]
    pub(super) index_length: u64,
    #[prost(uint64, tag = "3")]
    pub(super) data_length: u64,
    #[prost(uint64, tag = "4")]
    pub(super) footer_length: u64,
    #[prost(uint64, tag = "5")]
    pub(super) rows: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Type {
    #[prost(uint32, tag = "1")]
    pub(super) kind: u32,
    #[prost(uint32, repeated, tag = "2")]
    pub(super) subtypes: Vec<u32>,
    #[prost(string, repeated, tag = "3")]
    pub(super) names: Vec<String>,
    #[prost(uint32, tag = "5")]
    pub(super) precision: u32,
    #[prost(uint32, tag = "6")]
    pub(super) scale: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct StripeFooter {
    #[prost(message, repeated, tag = "1")]
    pub(super) streams: Vec<Stream>,
    #[prost(message, repeated, tag = "2")]
    pub(super) encodings: Vec<Encoding>,
    #[prost(string, optional, tag = "3")]
    pub(super) zone: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Stream {
    #[prost(uint32, tag = "1")]
    pub(super) kind: u32,
    #[prost(uint32, tag = "2")]
    pub(super) column: u32,
    #[prost(uint64, tag = "3")]
    pub(super) length: u64,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Encoding {
    /// Direct, dictionary, and both again with the second run-length encoding.
    #[prost(uint32, tag = "1")]
    pub(super) kind: u32,
    #[prost(uint32, tag = "2")]
    pub(super) dictionary_size: u32,
}
