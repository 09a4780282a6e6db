//! Where are the streams of a stripe? In the order of its footer, one behind the other.

use std::{collections::HashMap, ops::Range};

use bytes::Bytes;
use prost::Message;

use super::{
    messages::{Encoding, Stripe, StripeFooter},
    moment::Calendar,
    stream::{Packing, Stream, bad},
    tail::Tail,
};
use crate::error::Result;

/// Kinds of streams.
pub(super) mod kind {
    pub(in super::super) const PRESENT: u32 = 0;
    pub(in super::super) const DATA: u32 = 1;
    pub(in super::super) const LENGTH: u32 = 2;
    pub(in super::super) const DICTIONARY: u32 = 3;
    pub(in super::super) const SECONDARY: u32 = 5;
}

/// Longest footer of a stripe, decompressed.
const MAX_FOOTER: usize = 64 << 20;

/// A stream that is wanted, and the bytes of the file that hold it.
pub(super) type Place = (u32, u32, Range<u64>);

/// What a stripe says of its streams.
pub(super) struct Layout {
    footer: StripeFooter,
    packing: Packing,
    drafts: bool,
    calendar: Calendar,
    pub(super) places: Vec<Place>,
}

/// The bytes of a stripe's footer.
pub(super) fn footer_range(stripe: &Stripe) -> Option<Range<u64>> {
    let start = stripe
        .offset
        .checked_add(stripe.index_length)?
        .checked_add(stripe.data_length)?;
    Some(start..start.checked_add(stripe.footer_length)?)
}

impl Layout {
    /// Where the streams of the wanted types are.
    pub(super) fn new(tail: &Tail, stripe: &Stripe, stored: Bytes, wanted: &[u32]) -> Result<Self> {
        let footer = tail.packing.whole(stored, MAX_FOOTER)?;
        let footer = StripeFooter::decode(footer.as_slice());
        let footer = footer.map_err(|error| bad("the footer of a stripe cannot be decoded").with_source(error))?;
        let end = footer_range(stripe).map_or(0, |range| range.start);
        let mut places = Vec::new();
        let mut at = stripe.offset;
        for stream in &footer.streams {
            let start = at;
            at = at.saturating_add(stream.length);
            if at > end {
                return Err(bad("a stream lies outside of its stripe"));
            }
            let is_data = matches!(
                stream.kind,
                kind::PRESENT | kind::DATA | kind::LENGTH | kind::DICTIONARY | kind::SECONDARY
            );
            if is_data && wanted.binary_search(&stream.column).is_ok() {
                places.push((stream.column, stream.kind, start..at));
            }
        }
        Ok(Self {
            footer,
            packing: tail.packing,
            drafts: tail.drafts,
            calendar: tail.calendar,
            places,
        })
    }

    /// The streams, by the bytes of their places.
    pub(super) fn streams(self, stored: Vec<Bytes>) -> Streams {
        let places = self.places.into_iter().zip(stored);
        Streams {
            found: places
                .map(|((column, kind, _), bytes)| ((column, kind), bytes))
                .collect(),
            encodings: self.footer.encodings,
            zone: self.footer.zone,
            packing: self.packing,
            drafts: self.drafts,
            calendar: self.calendar,
        }
    }
}

/// The streams of the wanted columns of one stripe.
pub(super) struct Streams {
    found: HashMap<(u32, u32), Bytes>,
    encodings: Vec<Encoding>,
    zone: Option<String>,
    packing: Packing,
    drafts: bool,
    calendar: Calendar,
}

impl Streams {
    pub(super) fn find(&mut self, column: u32, kind: u32) -> Option<Stream> {
        let stored = self.found.remove(&(column, kind))?;
        Some(Stream::new(self.packing, stored))
    }

    /// The same; a stream that nobody wrote has no bytes: its column has no values.
    pub(super) fn stream(&mut self, column: u32, kind: u32) -> Stream {
        self.find(column, kind).unwrap_or_else(|| self.nothing())
    }

    pub(super) fn nothing(&self) -> Stream {
        Stream::new(self.packing, Bytes::new())
    }

    fn encoding(&self, column: u32) -> Encoding {
        let place = usize::try_from(column).unwrap_or(usize::MAX);
        self.encodings.get(place).copied().unwrap_or_default()
    }

    /// Are integers written in the second version of runs?
    pub(super) fn second(&self, column: u32) -> bool {
        matches!(self.encoding(column).kind, 2 | 3)
    }

    /// Entries of the dictionary, if there is one.
    pub(super) fn dictionary(&self, column: u32) -> Option<u32> {
        let encoding = self.encoding(column);
        matches!(encoding.kind, 1 | 3).then_some(encoding.dictionary_size)
    }

    pub(super) fn zone(&self) -> Option<&str> {
        self.zone.as_deref()
    }

    /// How does the writer count days and moments?
    pub(super) fn calendar(&self) -> Calendar {
        self.calendar
    }

    /// Was the file written by the rules of a draft of version 2?
    pub(super) fn drafts(&self) -> bool {
        self.drafts
    }
}
