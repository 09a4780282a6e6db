//! What may be seen where two users must both be allowed to see it?
//!
//! `governance.md` §2.1, impersonation: rows by AND; a cell by the order clear < masks by rank < NULL < hidden, the greater
//! of the two. Both accesses are decided before, by `access`; nothing is decided here.

use crate::access::{Access, Clear, ColumnAccess, RowScope};
use crate::decision::{Decision, Verdict};
use crate::mask::MaskChoice;
use crate::relation::{ColumnFacts, MaskFacts, RelationFacts};
use serde::Serialize;
use std::collections::BTreeSet;

/// What each of two users sees, apart: filters read the attributes of the user whose they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Joint {
    /// What the principal sees.
    pub own: Share,
    /// What the user sees on whose behalf the principal acts.
    pub other: Share,
    /// By column, in the order of `Access::columns`: what stands where the value is clear to neither; `None` is NULL.
    pub neither: Vec<MaskChoice>,
}

/// The part of one user. A column that is hidden from either is hidden in both parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Share {
    /// Rows that this user sees, before the restrictive filters.
    pub rows: RowScope,
    /// Restrictive filters that bind this user.
    pub restrictive: Vec<String>,
    /// The cells, column by column.
    pub columns: Vec<ColumnAccess>,
}

impl Access {
    /// What both see. `self` and `other` are decisions over the same `facts`.
    ///
    /// The result's own rows and columns are a summary for lists and audits: a column is `Always` clear only if it is so
    /// for both, and visible only if it is so for both. Rows and cells themselves follow from [`Access::joint`].
    #[must_use]
    pub fn intersect(self, other: Access, facts: &RelationFacts) -> Access {
        let seen: Vec<bool> = facts
            .columns
            .iter()
            .enumerate()
            .map(|(at, column)| shows(&self, at, &column.id) && shows(&other, at, &column.id))
            .collect();
        let open = self.is_open() && other.is_open() && seen.contains(&true);
        let (own, theirs) = (Share::of(&self, &seen), Share::of(&other, &seen));
        let parts = |at: usize| own.columns.get(at).zip(theirs.columns.get(at));
        let neither: Vec<MaskChoice> = facts
            .columns
            .iter()
            .enumerate()
            .map(|(at, column)| parts(at).map_or(MaskChoice::None, |(a, b)| weaker(&a.mask, &b.mask, column)))
            .collect();
        let columns = facts
            .columns
            .iter()
            .zip(&neither)
            .enumerate()
            .map(|(at, (column, neither))| match parts(at) {
                Some((a, b)) if open => summary(a, b, neither),
                _ => hidden(&column.id),
            })
            .collect();
        let joint = open.then(|| {
            Box::new(Joint {
                own: own.clone(),
                other: theirs.clone(),
                neither: neither.clone(),
            })
        });
        Access {
            gate: both(self.gate, other.gate),
            select: self.select && other.select,
            rows: if open {
                rows(&own.rows, &theirs.rows)
            } else {
                RowScope::None
            },
            restrictive: if open {
                union(&own.restrictive, &theirs.restrictive)
            } else {
                Vec::new()
            },
            columns,
            bypassed: union(&self.bypassed, &other.bypassed),
            policies: union(&self.policies, &other.policies),
            errors: union(&self.errors, &other.errors),
            alerts: union(&self.alerts, &other.alerts),
            joint,
        }
    }
}

impl Decision {
    /// The answer where both must be allowed.
    #[must_use]
    pub fn and(self, other: Decision) -> Decision {
        let verdict = both(self.verdict, other.verdict);
        // The reasons of an answer are those of the parts that gave it.
        let given = |part: &Decision| match verdict {
            Verdict::NoPermit => Vec::new(),
            Verdict::Allow | Verdict::Forbidden if part.verdict == verdict => part.policies.clone(),
            Verdict::Allow | Verdict::Forbidden => Vec::new(),
        };
        Decision {
            policies: union(&given(&self), &given(&other)),
            errors: union(&self.errors, &other.errors),
            verdict,
        }
    }
}

impl Share {
    fn of(access: &Access, seen: &[bool]) -> Self {
        let column = |(column, seen): (&ColumnAccess, &bool)| if *seen { column.clone() } else { hidden(&column.id) };
        Self {
            rows: access.rows.clone(),
            restrictive: access.restrictive.clone(),
            columns: access.columns.iter().zip(seen).map(column).collect(),
        }
    }
}

fn shows(access: &Access, at: usize, id: &str) -> bool {
    let column = access.columns.get(at).filter(|column| column.id == id);
    column.is_some_and(ColumnAccess::is_visible)
}

fn hidden(id: &str) -> ColumnAccess {
    ColumnAccess {
        id: id.to_owned(),
        clear: Clear::Never,
        mask: MaskChoice::None,
    }
}

fn both(a: Verdict, b: Verdict) -> Verdict {
    match (a, b) {
        (Verdict::Forbidden, _) | (_, Verdict::Forbidden) => Verdict::Forbidden,
        (Verdict::Allow, Verdict::Allow) => Verdict::Allow,
        (Verdict::NoPermit, _) | (_, Verdict::NoPermit) => Verdict::NoPermit,
    }
}

/// The mask that reveals less. Ranks order the masks of one bearer; those of a struct and of its field have no order, and
/// what is greater than both is NULL.
fn weaker(a: &MaskChoice, b: &MaskChoice, column: &ColumnFacts) -> MaskChoice {
    let (MaskChoice::Mask(a), MaskChoice::Mask(b)) = (a, b) else {
        return MaskChoice::None;
    };
    if a == b {
        return MaskChoice::Mask(a.clone());
    }
    let fact = |id: &String| column.masks.iter().find(|mask| mask.id == *id);
    match (fact(a), fact(b)) {
        (Some(left), Some(right)) if left.distance == right.distance => greater(left, right),
        _ => MaskChoice::None,
    }
}

fn greater(a: &MaskFacts, b: &MaskFacts) -> MaskChoice {
    match a.rank.cmp(&b.rank) {
        std::cmp::Ordering::Less => MaskChoice::Mask(b.id.clone()),
        std::cmp::Ordering::Greater => MaskChoice::Mask(a.id.clone()),
        std::cmp::Ordering::Equal => MaskChoice::None,
    }
}

fn rows(a: &RowScope, b: &RowScope) -> RowScope {
    match (a, b) {
        (RowScope::None, _) | (_, RowScope::None) => RowScope::None,
        (RowScope::All, other) | (other, RowScope::All) => other.clone(),
        (RowScope::AnyOf(a), RowScope::AnyOf(b)) => RowScope::AnyOf(union(a, b)),
    }
}

fn summary(a: &ColumnAccess, b: &ColumnAccess, neither: &MaskChoice) -> ColumnAccess {
    let clear = match (&a.clear, &b.clear) {
        (Clear::Never, _) | (_, Clear::Never) => Clear::Never,
        (Clear::Always, other) | (other, Clear::Always) => other.clone(),
        (Clear::Where(a), Clear::Where(b)) => Clear::Where(union(a, b)),
    };
    // INVARIANT: a column that is visible to both is visible in the summary: who sees it clear nowhere has a mask for it.
    let mut masks = [neither, &a.mask, &b.mask].into_iter();
    let mask = masks.find(|mask| **mask != MaskChoice::None && clear != Clear::Always);
    ColumnAccess {
        id: a.id.clone(),
        mask: mask.cloned().unwrap_or(MaskChoice::None),
        clear,
    }
}

fn union(a: &[String], b: &[String]) -> Vec<String> {
    let all: BTreeSet<&String> = a.iter().chain(b).collect();
    all.into_iter().cloned().collect()
}

#[cfg(test)]
mod tests;
