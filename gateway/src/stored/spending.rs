//! What of the ledger may a caller know? All of a workgroup by `ReadUsage`, and of their own queries what was shown with them.

use std::collections::{BTreeMap, HashMap};

use lakegate_catalog::{
    object::Kind,
    record::{UsageFilter, UsageRow, UsageSum},
};
use lakegate_policy::Action;
use lakegate_query::{billing::Billing, entities::ObjectRef};

use super::{Desk, page::NamePlace};
use crate::error::Result;

/// Day, workgroup, and price.
type Group = (String, String, String);

impl Desk {
    /// Sums by day, workgroup, principal and price.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn usage(&self, filter: &UsageFilter) -> Result<Vec<UsageSum>> {
        let store = &self.app().store;
        let me = self.caller().user.as_str();
        let mut rights: HashMap<String, bool> = HashMap::new();
        let mut may_read = |workgroup: &str| {
            let right = rights.entry(workgroup.to_owned());
            *right.or_insert_with(|| self.may(Action::ReadUsage, &self.workgroup(workgroup)))
        };
        let mut sums = store.sum_usage(filter).await?;
        sums.retain(|sum| may_read(&sum.workgroup));
        if filter.principal_id.as_ref().is_none_or(|principal| principal == me) {
            let own = store.list_usage(me, filter).await?;
            let own = own.into_iter().filter(|row| !may_read(&row.workgroup));
            sums.extend(shown(own, self.app().queries.billing()));
        }
        Ok(sums)
    }

    /// The workgroup; of one that is gone, usage is the tenant's.
    fn workgroup(&self, name: &str) -> ObjectRef {
        let found = self.snapshot().find_workgroup(name).zip(Kind::Workgroup.entity_type());
        found.map_or_else(ObjectRef::tenant, |(workgroup, entity)| {
            ObjectRef::new(entity, workgroup.id.as_str())
        })
    }
}

/// Newest day first, then workgroup, principal and price.
#[must_use]
pub fn place(sum: &UsageSum) -> NamePlace {
    let newest_first: String = sum
        .day
        .chars()
        .map(|c| {
            c.to_digit(10)
                .and_then(|digit| char::from_digit(9 - digit, 10))
                .unwrap_or(c)
        })
        .collect();
    let UsageSum {
        workgroup,
        principal_id,
        price_per_tb,
        ..
    } = sum;
    (newest_first, format!("{workgroup}\n{principal_id}\n{price_per_tb}"))
}

fn shown(rows: impl Iterator<Item = UsageRow>, billing: Billing) -> Vec<UsageSum> {
    let mut sums: BTreeMap<Group, UsageSum> = BTreeMap::new();
    for row in rows {
        let usage = billing.shown(&row.usage);
        let day = row.ended_at.date_naive().to_string();
        let group = (day.clone(), row.workgroup.clone(), row.price_per_tb.clone());
        let sum = sums.entry(group).or_insert_with(|| UsageSum {
            day,
            workgroup: row.workgroup,
            principal_id: row.principal_id,
            principal: row.principal,
            price_per_tb: row.price_per_tb,
            queries: 0,
            scanned_bytes: 0,
            billed_bytes: 0,
        });
        sum.queries += 1;
        sum.scanned_bytes = sum.scanned_bytes.saturating_add(usage.scanned_bytes);
        sum.billed_bytes = sum.billed_bytes.saturating_add(usage.billed_bytes);
    }
    sums.into_values().collect()
}
