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
    #[prost(uint64, tag = "5")]
    pub(super) metadata_length: u64,
    /// Of the writer: 0 for those whose statistics were wrong.
    #[prost(uint32, tag = "6")]
    pub(super) writer_version: u32,
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
    /// Which library wrote it.
    #[prost(uint32, optional, tag = "9")]
    pub(super) writer: Option<u32>,
    /// Set if some columns are encrypted.
    #[prost(bytes = "vec", optional, tag = "10")]
    pub(super) encryption: Option<Vec<u8>>,
    /// Of days before 1582.
    #[prost(uint32, tag = "11")]
    pub(super) calendar: u32,
}

/// Behind the stripes: statistics of each.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Metadata {
    #[prost(message, repeated, tag = "1")]
    pub(super) stripes: Vec<StripeStatistics>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct StripeStatistics {
    /// By the numbers of types.
    #[prost(message, repeated, tag = "1")]
    pub(super) columns: Vec<ColumnStatistics>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ColumnStatistics {
    #[prost(uint64, optional, tag = "1")]
    pub(super) values: Option<u64>,
    #[prost(message, optional, tag = "2")]
    pub(super) integers: Option<IntegerStatistics>,
    #[prost(message, optional, tag = "4")]
    pub(super) texts: Option<TextStatistics>,
    #[prost(message, optional, tag = "6")]
    pub(super) decimals: Option<DecimalStatistics>,
    #[prost(message, optional, tag = "7")]
    pub(super) days: Option<DayStatistics>,
    #[prost(bool, optional, tag = "10")]
    pub(super) has_null: Option<bool>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct IntegerStatistics {
    #[prost(sint64, optional, tag = "1")]
    pub(super) least: Option<i64>,
    #[prost(sint64, optional, tag = "2")]
    pub(super) greatest: Option<i64>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TextStatistics {
    #[prost(bytes = "vec", optional, tag = "1")]
    pub(super) least: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub(super) greatest: Option<Vec<u8>>,
    /// In the place of a least value that is long: no value is below it.
    #[prost(bytes = "vec", optional, tag = "4")]
    pub(super) lower: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "5")]
    pub(super) upper: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct DecimalStatistics {
    #[prost(string, optional, tag = "1")]
    pub(super) least: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(super) greatest: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct DayStatistics {
    #[prost(sint32, optional, tag = "1")]
    pub(super) least: Option<i32>,
    #[prost(sint32, optional, tag = "2")]
    pub(super) greatest: Option<i32>,
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
    /// Words that a writer left at the type.
    #[prost(message, repeated, tag = "7")]
    pub(super) attributes: Vec<Attribute>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Attribute {
    #[prost(string, tag = "1")]
    pub(super) key: String,
    #[prost(string, tag = "2")]
    pub(super) value: String,
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
