//! How do the contract's values become messages, and what of a message is believed?

pub(super) mod aggregate;
pub(super) mod describe;
pub(super) mod failure;
pub(super) mod plan;
pub(super) mod predicate;
mod relation;
pub(super) mod scan;

use crate::capability::Pushdown;

/// A verdict as a number.
pub(super) fn verdict_number(verdict: Pushdown) -> u32 {
    match verdict {
        Pushdown::Unsupported => 0,
        Pushdown::Inexact => 1,
        Pushdown::Exact => 2,
    }
}

/// The verdict of a number; one that nobody knows promises nothing.
pub(super) fn verdict(number: u32) -> Pushdown {
    match number {
        1 => Pushdown::Inexact,
        2 => Pushdown::Exact,
        _ => Pushdown::Unsupported,
    }
}
