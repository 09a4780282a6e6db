//! What does a query cost? Athena's published rules over the bytes that the meter counted.

use lakegate_catalog::record::{QueryState, Usage};

/// Least billed, once per query, in MB.
const MINIMUM_MEGABYTES: u64 = 10;
/// MB of a TB.
const MEGABYTES_PER_TERABYTE: f64 = 1_048_576.0;

/// What the ledger is computed with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Billing {
    /// 1,048,576 by default; AWS's pages allow 1,000,000 too.
    pub megabyte_bytes: u64,
}

impl Default for Billing {
    fn default() -> Self {
        Self {
            megabyte_bytes: 1_048_576,
        }
    }
}

impl Billing {
    /// Billed bytes for `raw` scanned plus connector bytes: whole MB, at least ten. Nothing for statements that are not
    /// billed, for failures, and for what was cancelled before anything was opened.
    #[must_use]
    pub fn billed_bytes(&self, billed_statement: bool, state: QueryState, raw: u64) -> u64 {
        let billed = match state {
            QueryState::Succeeded => billed_statement,
            QueryState::Cancelled => billed_statement && raw > 0,
            QueryState::Queued | QueryState::Running | QueryState::Failed => false,
        };
        if billed {
            raw.div_ceil(self.megabyte_bytes).max(MINIMUM_MEGABYTES) * self.megabyte_bytes
        } else {
            0
        }
    }

    /// What whoever ran a query may know of its usage: no finer figures where a filter or mask applied (governance.md §6.4).
    #[must_use]
    pub fn shown(&self, usage: &Usage) -> Usage {
        if usage.detailed {
            return usage.clone();
        }
        let billed_bytes = if usage.billed_bytes == 0 {
            0
        } else {
            self.billed_bytes(true, QueryState::Succeeded, usage.shown_scanned_bytes)
        };
        Usage {
            scanned_bytes: usage.shown_scanned_bytes,
            shown_scanned_bytes: usage.shown_scanned_bytes,
            rows: usage.rows,
            billed_bytes,
            detailed: false,
            ..Usage::default()
        }
    }

    /// Price of billed bytes at `price_per_tb` (`"5.00 USD"`), as amount and currency; `None` if the price is malformed.
    #[must_use]
    pub fn price(&self, billed_bytes: u64, price_per_tb: &str) -> Option<(f64, String)> {
        let (amount, currency) = price_per_tb.split_once(' ')?;
        let per_terabyte: f64 = amount.parse().ok()?;
        let megabytes = u32::try_from(billed_bytes / self.megabyte_bytes).ok()?;
        Some((
            f64::from(megabytes) / MEGABYTES_PER_TERABYTE * per_terabyte,
            currency.to_owned(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_048_576;

    #[test]
    fn the_minimum_holds_once_and_parts_are_rounded_up() {
        let billing = Billing::default();
        assert_eq!(billing.billed_bytes(true, QueryState::Succeeded, 1), 10 * MB);
        assert_eq!(billing.billed_bytes(true, QueryState::Succeeded, 0), 10 * MB);
        assert_eq!(billing.billed_bytes(true, QueryState::Succeeded, 10 * MB + 1), 11 * MB);
        assert_eq!(billing.billed_bytes(false, QueryState::Succeeded, 10 * MB), 0);
        assert_eq!(billing.billed_bytes(true, QueryState::Failed, 99 * MB), 0);
        assert_eq!(billing.billed_bytes(true, QueryState::Cancelled, 0), 0);
        assert_eq!(billing.billed_bytes(true, QueryState::Cancelled, 1), 10 * MB);
    }

    #[test]
    fn a_terabyte_costs_its_price() {
        let billing = Billing::default();
        let (amount, currency) = billing.price(MB * MB, "5.00 USD").unwrap();
        assert!((amount - 5.0).abs() < 1e-9);
        assert_eq!(currency, "USD");
        let (least, _) = billing.price(10 * MB, "5.00 USD").unwrap();
        assert!((least - 0.000_047_683_715_8).abs() < 1e-12);
    }
}
