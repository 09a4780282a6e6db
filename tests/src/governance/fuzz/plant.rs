//! Would a mistake be found? The lakes are given policies that show more than those that the reference decides by.

use super::{guarded::Body, lake::Lake, rules::Grant};
use crate::fuzz::condition::{Condition, Value};

/// A mistake.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Plant {
    /// The first permissive filter of each table lets every row through.
    Filter,
    /// The first restrictive one does.
    Restrictive,
    /// Each mask's column is clear.
    Mask,
    /// Filters hold where the first column is NULL.
    Null,
}

/// The lake as its world is told of it.
pub fn planted(plant: Option<Plant>, lake: &Lake) -> Lake {
    let mut lake = lake.clone();
    let Some(plant) = plant else { return lake };
    for (table, guarded) in lake.tables.iter().zip(&mut lake.guarded) {
        match plant {
            Plant::Filter | Plant::Restrictive => {
                let restrictive = plant == Plant::Restrictive;
                if let Some(filter) = guarded
                    .filters
                    .iter_mut()
                    .find(|filter| filter.restrictive == restrictive)
                {
                    filter.body = Body::Sql(Condition::Constant(true));
                }
            }
            Plant::Mask => {
                for mask in &guarded.masks {
                    lake.rules.grants.push(Grant {
                        to: format!("user:{}", lake.people.user()),
                        privilege: "select",
                        object: format!("column:PREFIX.{}.{}", table.name, table.columns[mask.column].name),
                        passed_on: false,
                    });
                }
            }
            Plant::Null => {
                let first = Value::Column(0, table.columns[0].name.clone());
                for filter in &mut guarded.filters {
                    if let Body::Sql(condition) = &filter.body {
                        let absent = Condition::IsNull(first.clone(), false);
                        filter.body = Body::Sql(Condition::Or(vec![condition.clone(), absent]));
                    }
                }
            }
        }
    }
    lake
}
