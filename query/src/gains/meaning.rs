//! When do two filters, or two masks, show the same? By what they say, whatever they are called.

use std::collections::BTreeMap;

use lakegate_catalog::{
    governance::{ColumnMask, DataFilter},
    identity::User,
    object::Stored,
    snapshot::Snapshot,
};
use serde_json::Value;

use super::person::roles;
use crate::govern::row_filter::normal_form;

/// Row conditions: what each says, and its name.
pub(super) type Conditions = BTreeMap<String, String>;

/// What a filter says to a user: its body without white space, what it reads by id, and the traits that it may ask for.
pub(super) fn condition(filter: &Stored<DataFilter>, (user, snapshot): (&User, &Snapshot)) -> String {
    let mut rest = serde_json::to_value(&filter.body).unwrap_or_default();
    if let Value::Object(members) = &mut rest {
        // What a filter opens is compared column by column; who is bound by it, filter by filter.
        for known in ["where", "columns", "covers", "restrictive"] {
            members.remove(known);
        }
    }
    let asks = filter.body.body.contains("principal") || rest.to_string().contains("principal");
    let roles = || roles(snapshot, &user.roles);
    let traits = asks.then(|| serde_json::json!([user.kind, user.clearance, user.attributes, roles()]));
    format!(
        "{} {rest} {}",
        normal_form(&filter.body.body),
        traits.unwrap_or_default()
    )
}

/// What a mask shows of a column.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct MaskMeaning {
    /// Function with its options, and the type that it is applied to.
    says: String,
    rank: i64,
    /// It shows nothing of the value, not even whether there is one.
    constant: bool,
    /// Body and column are the same in both catalogs, so that its rank may be compared with others of its column.
    stable: Option<String>,
    /// `last4 (show-last-4)`.
    pub label: String,
}

/// Functions that show the same for every value.
const CONSTANT: [&str; 2] = ["mask-to-fixed-value", "replace-with-null"];

impl MaskMeaning {
    /// `other`: the catalog on the other side of the comparison.
    pub(super) fn of(mask: &Stored<ColumnMask>, data_type: &str, other: &Snapshot) -> Self {
        let mut body = serde_json::to_value(&mask.body).unwrap_or_default();
        if let Value::Object(members) = &mut body {
            members.remove("rank");
            members.remove("table");
        }
        let same = other
            .column_mask(&mask.id)
            .is_some_and(|known| known.body == mask.body && known.parent == mask.parent);
        let column = mask.parent.as_ref().map(ToString::to_string).unwrap_or_default();
        Self {
            says: format!("{body} {data_type}"),
            rank: mask.body.rank,
            constant: CONSTANT.contains(&mask.body.func.as_str()),
            stable: same.then_some(column),
            label: format!("{} ({})", mask.name, mask.body.func),
        }
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.says == other.says
    }

    /// May this show what the other does not?
    pub(super) fn exceeds(&self, other: &Self) -> bool {
        !(self.is_same(other) || self.constant || self.is_ranked_with(other) && self.rank > other.rank)
    }

    /// Does the order of the two follow from their ranks, or from what a constant is?
    pub(super) fn is_comparable(&self, other: &Self) -> bool {
        self.is_same(other) || self.constant || other.constant || self.is_ranked_with(other)
    }

    fn is_ranked_with(&self, other: &Self) -> bool {
        self.stable.is_some() && self.stable == other.stable && self.rank != other.rank
    }
}
