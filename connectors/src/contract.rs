//! Does a connector keep the contract? One function per property, the same for every connector and every transport.
//!
//! A connector brings a [`Fixture`]: a real source that holds the tables which the fixture's [`Lake`] names. A [`Transport`]
//! says how the connector is reached. [`run`] asks every property of every pair and gives a [`Matrix`]: a property is kept,
//! broken, or blank with the reason why it cannot be asked there. Nothing is skipped in silence.
//!
//! Public, so that connectors which live elsewhere can prove themselves.

pub mod ask;
pub mod fixture;
pub mod flight;
pub mod matrix;
pub mod proxy;
pub mod pushdown;
pub mod random;
pub mod subject;
pub mod transport;

mod counters;
mod describe;
mod faults;
mod fold;
mod guard;
mod handles;
mod join;
mod lifecycle;
mod secrets;
mod splits;
mod types;

pub use fixture::{Fixture, Hidden, Lake, Misfit, Typed};
pub use flight::Flight;
pub use matrix::{Matrix, run};
pub use subject::Subject;
pub use transport::{InProcess, Route, Transport};

use std::{error::Error, fmt};

use futures::future::BoxFuture;

/// How asking a property ended.
pub type Check = Result<Outcome, Broken>;

/// A property that is not broken.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    Kept,
    /// It cannot be asked here, and why.
    Blank(&'static str),
}

/// What is wrong, in words for the connector's author.
pub struct Broken(String);

impl Broken {
    /// With these words.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: Error> From<E> for Broken {
    fn from(error: E) -> Self {
        Self(format!("{error:?}"))
    }
}

/// `Broken` with a formatted text unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            return Err($crate::contract::Broken::new(format!($($text)+)));
        }
    };
}
pub(crate) use ensure;

/// Something that every connector promises.
#[derive(Clone, Copy)]
pub struct Property {
    pub group: &'static str,
    pub name: &'static str,
    check: for<'a> fn(&'a Subject) -> BoxFuture<'a, Check>,
}

impl fmt::Debug for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.group, self.name)
    }
}

macro_rules! properties {
    ($($group:literal: { $($name:literal => $check:path,)+ })+) => {
        &[$($(Property { group: $group, name: $name, check: |subject| Box::pin($check(subject)) },)+)+]
    };
}

/// Everything that is asked, group by group.
pub const PROPERTIES: &[Property] = properties! {
    "describe": {
        "the source answers a ping" => describe::ping,
        "paging is complete and stable" => describe::paging,
        "case is kept" => describe::case,
        "what is not there is NOT_FOUND" => describe::missing,
    }
    "types": {
        "what is promised is delivered" => types::promised_is_delivered,
        "a value that does not fit is an error" => types::misfits,
        "a sample has the promised schema" => types::sample,
    }
    "push-down": {
        "pushed = not pushed" => pushdown::random_predicates,
        "a limit is kept or left alone" => pushdown::limits,
        "what is claimed is done" => pushdown::claims,
        "what is not claimed is refused or left alone" => pushdown::unclaimed,
        "grouped there = grouped here" => fold::groups,
        "first there = first here" => fold::first,
        "joined there = joined here" => join::joined,
    }
    "guard": {
        "hidden rows never leave the source" => guard::on_the_wire,
        "hidden values fail nobody" => guard::hidden_values,
        "masks stand before predicates" => guard::masks,
        "nothing fallible stands beside a guard" => guard::computed,
    }
    "splits": {
        "their union is the scan" => splits::union,
        "any order, any worker, again" => splits::anywhere,
        "writes between batches change nothing" => splits::writes,
        "all show one state" => splits::one_state,
    }
    "handles": {
        "of another stage: refused" => handles::other_stage,
        "of another connection: refused" => handles::other_connection,
        "of another version of it: refused" => handles::other_version,
        "of another query: refused" => handles::other_query,
        "tampered or truncated: refused" => handles::tampered,
    }
    "lifecycle": {
        "a cancelled source is idle within 1 s" => lifecycle::cancel,
        "a dropped stream is idle within 1 s" => lifecycle::drop_stream,
        "a read is cancelled from beside" => lifecycle::cancel_from_beside,
        "the deadline holds" => lifecycle::deadline,
        "a slow consumer holds two batches" => lifecycle::slow_consumer,
    }
    "faults": {
        "source: refuse" => faults::source_refuses,
        "source: reset" => faults::source_resets,
        "source: hang" => faults::source_hangs,
        "source: 1 KB/s" => faults::source_is_slow,
        "source: garbage" => faults::source_babbles,
        "source: truncated" => faults::source_truncates,
        "transport: refuse" => faults::transport_refuses,
        "transport: reset" => faults::transport_resets,
        "transport: hang" => faults::transport_hangs,
        "transport: 1 KB/s" => faults::transport_is_slow,
        "transport: garbage" => faults::transport_babbles,
        "transport: truncated" => faults::transport_truncates,
    }
    "counters": {
        "bytes and rows are the same on all transports" => counters::same,
    }
    "secrets": {
        "none in Debug, handles, statements, errors" => secrets::nowhere,
    }
};
