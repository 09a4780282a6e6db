//! How is a sum of the ledger shown? With what it cost at the price that held.

use lakegate_catalog::record::UsageSum;
use lakegate_openapi::usage as wire;
use lakegate_query::billing::Billing;

/// A sum.
#[must_use]
pub fn sum(sum: UsageSum, billing: Billing) -> wire::UsageSum {
    let price = billing.price(sum.billed_bytes, &sum.price_per_tb);
    let (amount, currency) = price.unwrap_or_default();
    wire::UsageSum {
        cost: format!("{amount:.9} {currency}"),
        day: sum.day,
        workgroup: sum.workgroup,
        principal: sum.principal,
        principal_id: sum.principal_id,
        queries: sum.queries,
        scanned_bytes: sum.scanned_bytes,
        billed_bytes: sum.billed_bytes,
        price_per_tb: sum.price_per_tb,
    }
}
