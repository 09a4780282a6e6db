//! Which rows and columns of a relation may a user see?
//!
//! `governance.md` §3, rules 1 to 5, literally. Predicates are named by filter ids, never read: compiling them is
//! `query`'s. Impersonation is a combination of two accesses and is made in `intersection`.

use crate::action::Action;
use crate::authorizer::Authorizer;
use crate::decision::{Decision, Verdict};
use crate::intersection::Joint;
use crate::mask::MaskChoice;
use crate::policy_set::{Circumstances, Question};
use crate::relation::{ColumnFacts, FilterFacts, MaskFacts, RelationFacts};
use crate::request::RequestContext;
use crate::resource::uid;
use cedar_policy::EntityUid;
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};

/// What a user may see of a relation. All lists of ids are sorted, so equal decisions are equal values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Access {
    /// D(Select, T): `Forbidden` closes the relation.
    pub gate: Verdict,
    /// Whether Select on the relation itself is allowed.
    pub select: bool,
    /// The rows, before the restrictive filters.
    pub rows: RowScope,
    /// Restrictive filters that bind, to be joined by AND; empty if the relation is closed.
    pub restrictive: Vec<String>,
    /// Every column of the relation in its order, hidden ones too.
    pub columns: Vec<ColumnAccess>,
    /// Restrictive filters that the user may bypass.
    pub bypassed: Vec<String>,
    /// Ids of all policies and grants that determined a decision.
    pub policies: Vec<String>,
    /// Evaluation errors: for the log, never for the caller.
    pub errors: Vec<String>,
    /// What an administrator must mend, such as two masks of one rank.
    pub alerts: Vec<String>,
    /// Where somebody acts on behalf of somebody else: the parts of both. Rows and cells follow from them alone.
    pub joint: Option<Box<Joint>>,
}

/// The rows of S: the union of the row conditions that the user holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowScope {
    /// No data: the relation is as good as missing.
    None,
    /// TRUE is in S.
    All,
    /// Rows where one of these permissive filters IS TRUE.
    AnyOf(Vec<String>),
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ColumnAccess {
    /// Id of the column.
    pub id: String,
    /// Where the raw value may be seen.
    pub clear: Clear,
    /// What stands elsewhere; `None` if the value is always clear.
    pub mask: MaskChoice,
}

/// On which visible rows a column is clear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clear {
    /// On every visible row.
    Always,
    /// Where one of these permissive filters IS TRUE.
    Where(Vec<String>),
    /// Nowhere.
    Never,
}

impl ColumnAccess {
    /// Whether the column exists for the user.
    pub fn is_visible(&self) -> bool {
        self.clear != Clear::Never || self.mask != MaskChoice::None
    }
}

impl Access {
    /// Whether the relation exists for the user.
    pub fn is_open(&self) -> bool {
        self.rows != RowScope::None
    }

    /// The columns that exist for the user.
    pub fn visible_columns(&self) -> impl Iterator<Item = &ColumnAccess> {
        self.columns.iter().filter(|column| column.is_visible())
    }

    /// Whether every row and every cell is clear: no filter, no mask, no hidden column.
    pub fn is_unrestricted(&self) -> bool {
        let all_clear = self.columns.iter().all(|column| column.clear == Clear::Always);
        self.rows == RowScope::All && self.restrictive.is_empty() && all_clear
    }
}

impl Authorizer<'_> {
    /// Decides a relation for a user, given by id.
    pub fn access(&self, principal: &str, context: &RequestContext, facts: &RelationFacts) -> Access {
        let (access, []) = self.access_and(principal, context, facts, []);
        access
    }

    /// As [`Authorizer::access`], with the decisions on other actions on the relation itself, in their order.
    pub fn access_and<const N: usize>(
        &self,
        principal: &str,
        context: &RequestContext,
        facts: &RelationFacts,
        actions: [Action; N],
    ) -> (Access, [Decision; N]) {
        let at = Circumstances::new(context, &self.entities);
        let mut inquiry = Inquiry {
            authorizer: self,
            principal: uid("User", principal),
            at,
            policies: BTreeSet::new(),
            errors: BTreeSet::new(),
        };
        let gate = inquiry.verdict(Action::Select, &facts.relation);
        let mut access = Access {
            gate,
            select: gate == Verdict::Allow,
            rows: RowScope::None,
            restrictive: Vec::new(),
            columns: facts.columns.iter().map(hidden).collect(),
            bypassed: Vec::new(),
            policies: Vec::new(),
            errors: Vec::new(),
            alerts: Vec::new(),
            joint: None,
        };
        if gate != Verdict::Forbidden {
            open(&mut access, &mut inquiry, facts);
        }
        let others = actions.map(|action| inquiry.decision(action, &facts.relation));
        access.policies = inquiry.policies.into_iter().collect();
        access.errors = inquiry.errors.into_iter().collect();
        (access, others)
    }
}

/// Rules 2 to 5, after the gate.
fn open(access: &mut Access, inquiry: &mut Inquiry<'_>, facts: &RelationFacts) {
    let columns = inquiry.columns(&facts.columns);
    let masks: Vec<Vec<&MaskFacts>> = facts.columns.iter().map(|column| inquiry.masks(column)).collect();
    let any_mask = masks.iter().any(|permitted| !permitted.is_empty());
    let (restrictive, permissive): (Vec<&FilterFacts>, Vec<&FilterFacts>) =
        facts.filters.iter().partition(|filter| filter.restrictive);

    let mut entries = Vec::new();
    if access.select {
        entries.push(Entry::new(None, facts, &columns));
    }
    for filter in permissive {
        if inquiry.allows(Action::SelectFiltered, &uid("DataFilter", &filter.id)) {
            entries.push(Entry::new(Some(filter), facts, &columns));
        }
    }
    entries.retain(|entry| any_mask || entry.columns.contains(&true));

    let granted: Vec<ColumnAccess> = facts
        .columns
        .iter()
        .zip(&masks)
        .enumerate()
        .map(|(at, (column, permitted))| cells(column, permitted, clear(&entries, at)))
        .collect();
    access.alerts = ties(&granted, &masks);
    // INVARIANT: an entry that is kept opens a column, or a mask is permitted: where there are rows, a column is left.
    // Without rows the relation is closed, and its columns stay hidden.
    if entries.is_empty() {
        return;
    }
    access.rows = rows(&entries);
    access.columns = granted;
    for filter in restrictive {
        let bypassed = inquiry.allows(Action::BypassFilter, &uid("DataFilter", &filter.id));
        let list = if bypassed {
            &mut access.bypassed
        } else {
            &mut access.restrictive
        };
        list.push(filter.id.clone());
    }
    access.restrictive.sort();
    access.bypassed.sort();
}

/// An entry of S: a predicate (`None` is TRUE) and, column by column, whether it opens the column.
struct Entry {
    predicate: Option<String>,
    columns: Vec<bool>,
}

impl Entry {
    /// (TRUE, K) or (pred_f, cols_f ∪ K), each without the forbidden columns X.
    fn new(filter: Option<&FilterFacts>, facts: &RelationFacts, verdicts: &[Verdict]) -> Self {
        let opens = |(column, verdict): (&ColumnFacts, &Verdict)| match verdict {
            Verdict::Allow => true,
            Verdict::Forbidden => false,
            Verdict::NoPermit => filter.is_some_and(|filter| filter.columns.contains(&column.id)),
        };
        let columns = facts.columns.iter().zip(verdicts).map(opens).collect();
        Self {
            predicate: filter.map(|filter| filter.id.clone()),
            columns,
        }
    }

    fn opens(&self, at: usize) -> bool {
        self.columns.get(at).copied().unwrap_or(false)
    }
}

fn rows(entries: &[Entry]) -> RowScope {
    match predicates(entries.iter()) {
        Some(filters) => RowScope::AnyOf(filters),
        None => RowScope::All,
    }
}

/// clear_c, the union of the predicates whose columns contain c.
///
/// If *every* entry contains c, the union is the condition for a row to be visible at all; the cell is then clear on
/// each visible row, and saying so permits push-down.
fn clear(entries: &[Entry], at: usize) -> Clear {
    let opening: Vec<&Entry> = entries.iter().filter(|entry| entry.opens(at)).collect();
    if opening.is_empty() {
        Clear::Never
    } else if opening.len() == entries.len() {
        Clear::Always
    } else {
        predicates(opening.into_iter()).map_or(Clear::Always, Clear::Where)
    }
}

/// The filters of some entries, sorted; none if TRUE is among them.
fn predicates<'a>(entries: impl Iterator<Item = &'a Entry>) -> Option<Vec<String>> {
    let filters: Option<BTreeSet<String>> = entries.map(|entry| entry.predicate.clone()).collect();
    filters.map(|filters| filters.into_iter().collect())
}

fn cells(column: &ColumnFacts, permitted: &[&MaskFacts], clear: Clear) -> ColumnAccess {
    let mask = if clear == Clear::Always {
        MaskChoice::None
    } else {
        MaskChoice::of(permitted)
    };
    ColumnAccess {
        id: column.id.clone(),
        clear,
        mask,
    }
}

fn hidden(column: &ColumnFacts) -> ColumnAccess {
    ColumnAccess {
        id: column.id.clone(),
        clear: Clear::Never,
        mask: MaskChoice::None,
    }
}

/// A tie is a broken store: it is told even where the column is clear.
fn ties(columns: &[ColumnAccess], masks: &[Vec<&MaskFacts>]) -> Vec<String> {
    let tied = columns
        .iter()
        .zip(masks)
        .filter(|(_, permitted)| MaskChoice::of(permitted) == MaskChoice::NullByTie);
    tied.map(|(column, _)| format!("two permitted masks of column `{}` share the lowest rank", column.id))
        .collect()
}

/// Asks and remembers why.
struct Inquiry<'a> {
    authorizer: &'a Authorizer<'a>,
    principal: EntityUid,
    at: Result<Circumstances, String>,
    policies: BTreeSet<String>,
    errors: BTreeSet<String>,
}

impl Inquiry<'_> {
    /// The decision, of which nothing is remembered.
    fn decision(&self, action: Action, resource: &EntityUid) -> Decision {
        match &self.at {
            Ok(at) => self.authorizer.ask(&Question {
                principal: &self.principal,
                action,
                resource,
                at,
                entities: &self.authorizer.entities,
            }),
            Err(error) => Decision::failed(error.clone()),
        }
    }

    fn verdict(&mut self, action: Action, resource: &EntityUid) -> Verdict {
        let decision = self.decision(action, resource);
        self.policies.extend(decision.policies);
        self.errors.extend(decision.errors);
        decision.verdict
    }

    fn allows(&mut self, action: Action, resource: &EntityUid) -> bool {
        self.verdict(action, resource) == Verdict::Allow
    }

    /// The verdict on each column; columns that no policy can tell apart are decided once. A forbid on a struct (`==` it)
    /// is one on its fields, whatever they decide themselves.
    fn columns(&mut self, columns: &[ColumnFacts]) -> Vec<Verdict> {
        let mut known: HashMap<String, Verdict> = HashMap::new();
        let mut select = |id: &String| {
            let decide = || self.verdict(Action::Select, &uid("Column", id));
            *known.entry(id.clone()).or_insert_with(decide)
        };
        let verdict = |column: &ColumnFacts| {
            let own = select(&column.decided_as);
            match column.above.iter().any(|above| select(above) == Verdict::Forbidden) {
                true => Verdict::Forbidden,
                false => own,
            }
        };
        columns.iter().map(verdict).collect()
    }

    fn masks<'f>(&mut self, column: &'f ColumnFacts) -> Vec<&'f MaskFacts> {
        column
            .masks
            .iter()
            .filter(|mask| self.allows(Action::SelectMasked, &uid("ColumnMask", &mask.id)))
            .collect()
    }
}
