//! How is a decision told with its reasons? This is where what the caller may not know of is left out.

use chrono::DateTime;
use lakegate_catalog::{id::ObjectId, name::quoted, object::Kind};
use lakegate_openapi::{policy_explanation as wire, policy_simulation as simulation};
use lakegate_policy::{Clear, Explained, MaskChoice, NearMiss, Outcome, RowScope, Verdict, show_names};
use lakegate_query::{
    authorize::explain::{
        FilterExplanation, LeafExplanation, MappingExplanation, MappingValues, MaskExplanation, RelationExplanation,
    },
    entities::Names,
};

use super::{identity::role_names, time};
use crate::{
    error::Result,
    stored::{Answer, ColumnName, Desk, Found, Sight, Simulated},
};

/// Most values of a mapping that are told.
const SHOWN: usize = 100;

/// An explanation, as far as its caller may know it.
///
/// # Errors
/// `NOT_FOUND` for a column of which nothing may be known: the same as for one that is not there.
pub fn explanation(desk: &Desk, answer: &Answer) -> Result<wire::PolicyExplanation> {
    let told = Told { desk, answer };
    let theirs = answer.theirs.as_deref().map(|theirs| explanation(desk, theirs));
    let snapshot = answer.governor.snapshot();
    let base = wire::PolicyExplanation {
        principal: answer.subject.name.clone(),
        on_behalf_of: answer.on_behalf_of.clone(),
        theirs: theirs.transpose()?.map(Box::new),
        roles: role_names(snapshot, &answer.subject),
        action: answer.action.name().to_owned(),
        resource: answer.resource.clone(),
        policy_version: told.is_full().then_some(snapshot.version),
        ..wire::PolicyExplanation::default()
    };
    match &answer.found {
        Found::Object { explained, allowed } => Ok(wire::PolicyExplanation {
            decision: decision(*allowed),
            reasons: told.reasons(explained),
            near_misses: told.near_misses(explained),
            errors: told.errors(&explained.decision.errors),
            ..base
        }),
        Found::Relation { explanation, column } => {
            let open = explanation.grant.is_readable();
            let columns = told.columns(explanation, column.as_ref())?;
            let seen = columns.iter().any(|column| column.state != "hidden");
            Ok(wire::PolicyExplanation {
                decision: decision(open && seen),
                reasons: told.relation_reasons(explanation),
                near_misses: told.near_misses(&explanation.select),
                errors: told.errors(&explanation.grant.access.errors),
                relation: Some(wire::RelationExplanation {
                    rows: rows(explanation).to_owned(),
                    filters: told.filters(explanation),
                    columns,
                }),
                ..base
            })
        }
    }
}

/// A simulation.
///
/// # Errors
/// Those of [`explanation`].
pub fn simulated(desk: &Desk, done: &Simulated) -> Result<simulation::PolicySimulation> {
    let decisions = done.answers.iter().map(|answer| explanation(desk, answer));
    let context = &done.context;
    let workgroup = desk.snapshot().name_of("Workgroup", &context.workgroup);
    let (plan, refusal) = match &done.plan {
        None => (Vec::new(), None),
        Some(Ok(lines)) => (lines.clone(), None),
        Some(Err(error)) => (
            Vec::new(),
            Some(simulation::SimulatedRefusal {
                code: error.code.text().to_owned(),
                message: error.message.clone(),
            }),
        ),
    };
    Ok(simulation::PolicySimulation {
        context: simulation::SimulatedContext {
            now: DateTime::from_timestamp_millis(context.now).map(time),
            ip: Some(context.ip.to_string()),
            mfa: Some(context.mfa),
            auth_age_ms: context.auth_age_ms,
            purpose: context.purpose.clone(),
            workgroup,
            client: Some(context.client.clone()),
        },
        decisions: decisions.collect::<Result<_>>()?,
        missing: done.missing.clone(),
        plan,
        refusal,
        draft: done.draft,
    })
}

fn decision(allowed: bool) -> String {
    if allowed { "allow" } else { "deny" }.to_owned()
}

fn rows(explanation: &RelationExplanation) -> &'static str {
    let access = &explanation.grant.access;
    match &access.rows {
        RowScope::None => "none",
        RowScope::All if access.restrictive.is_empty() => "all",
        RowScope::All | RowScope::AnyOf(_) => "some",
    }
}

/// An answer, and who is told.
struct Told<'a> {
    desk: &'a Desk,
    answer: &'a Answer,
}

impl Told<'_> {
    fn is_full(&self) -> bool {
        self.answer.sight == Sight::Full
    }

    /// Why anything of a table may be read, or why nothing may be.
    fn relation_reasons(&self, explanation: &RelationExplanation) -> Vec<wire::PolicyReason> {
        let open = explanation.grant.is_readable();
        let forbidden = explanation.select.decision.verdict == Verdict::Forbidden;
        if !open && !forbidden {
            return Vec::new();
        }
        let shown = |filter: &&FilterExplanation| {
            open && !filter.filter.body.restrictive && filter.explained.decision.is_allowed()
        };
        let filters = explanation.filters.iter().filter(shown).map(|filter| &filter.explained);
        self.merged(std::iter::once(&explanation.select).chain(filters))
    }

    /// The row filters, for holders of `SimulateAs` only: to others a filter that hides rows is not there, nor are they.
    fn filters(&self, explanation: &RelationExplanation) -> Vec<wire::FilterExplanation> {
        if !self.is_full() {
            return Vec::new();
        }
        let access = &explanation.grant.access;
        let applies = |id: &str| match &access.rows {
            RowScope::AnyOf(ids) => ids.iter().any(|other| other == id),
            RowScope::All | RowScope::None => false,
        };
        let told = |one: &FilterExplanation| wire::FilterExplanation {
            name: one.filter.name.clone(),
            restrictive: one.filter.body.restrictive,
            applies: applies(one.filter.id.as_str())
                || access.restrictive.iter().any(|id| id == one.filter.id.as_str()),
            condition: one.filter.body.body.clone(),
            mappings: self.mappings(explanation, &one.filter.id),
            reasons: self.reasons(&one.explained),
            near_misses: self.near_misses(&one.explained),
        };
        explanation.filters.iter().map(told).collect()
    }

    /// What a filter looks up.
    fn mappings(&self, explanation: &RelationExplanation, filter: &ObjectId) -> Vec<wire::MappingExplanation> {
        let told = |one: &MappingExplanation| {
            let (state, values) = match &one.values {
                MappingValues::Read(values) => ("read", values.as_slice()),
                MappingValues::Error => ("error", [].as_slice()),
                MappingValues::Unavailable => ("unavailable", [].as_slice()),
                MappingValues::Withheld => ("withheld", [].as_slice()),
            };
            wire::MappingExplanation {
                table: one.name.to_string(),
                principal: one.bound.clone(),
                read_as: one.read_as.clone(),
                state: state.to_owned(),
                count: matches!(one.values, MappingValues::Read(_))
                    .then(|| u64::try_from(values.len()).unwrap_or(u64::MAX)),
                values: values.iter().take(SHOWN).cloned().collect(),
            }
        };
        let mappings = explanation.mappings.iter();
        mappings.filter(|one| one.filter == *filter).map(told).collect()
    }

    /// The columns that are asked about and that may be known.
    fn columns(
        &self,
        explanation: &RelationExplanation,
        only: Option<&ColumnName>,
    ) -> Result<Vec<wire::ColumnExplanation>> {
        let wanted = |leaf: &&LeafExplanation| {
            let name = path(leaf).to_lowercase();
            only.is_none_or(|only| {
                let column = only.column.to_lowercase();
                name == column || name.strip_prefix(&column).is_some_and(|rest| rest.starts_with('.'))
            })
        };
        // INVARIANT: a column that the caller can neither read nor describe is not there for them.
        let known = |leaf: &&LeafExplanation| {
            self.is_full() || leaf.access.is_visible() || self.desk.describes_column(&leaf.column)
        };
        let leaves = explanation.leaves.iter().filter(wanted).filter(known);
        let columns: Vec<_> = leaves.map(|leaf| self.column(explanation, leaf)).collect();
        match only {
            Some(name) if columns.is_empty() => Err(Desk::no_column(name)),
            _ => Ok(columns),
        }
    }

    fn column(&self, explanation: &RelationExplanation, leaf: &LeafExplanation) -> wire::ColumnExplanation {
        let access = &leaf.access;
        let mask = match &access.mask {
            MaskChoice::Mask(id) => leaf.masks.iter().find(|mask| mask.mask.id.as_str() == id),
            MaskChoice::None | MaskChoice::NullByTie => None,
        };
        let state = match (&access.clear, &access.mask) {
            (Clear::Always, _) => "clear",
            (Clear::Where(_), _) => "partly",
            (Clear::Never, MaskChoice::Mask(_)) => "masked",
            (Clear::Never, MaskChoice::NullByTie) => "null",
            (Clear::Never, MaskChoice::None) => "hidden",
        };
        let opening = |filter: &&FilterExplanation| match (&access.clear, &explanation.grant.access.rows) {
            (Clear::Where(ids), _) | (Clear::Always, RowScope::AnyOf(ids)) => {
                ids.iter().any(|id| id == filter.filter.id.as_str())
            }
            _ => false,
        };
        let opened = !leaf.select.decision.is_allowed() && access.clear != Clear::Never;
        let filters = explanation.filters.iter().filter(|_| opened).filter(opening);
        let parts = std::iter::once(&leaf.select)
            .chain(filters.map(|filter| &filter.explained))
            .chain(mask.map(|mask| &mask.explained));
        let told = |one: &MaskExplanation| wire::MaskExplanation {
            name: one.mask.name.clone(),
            func: one.mask.body.func.clone(),
            rank: one.mask.body.rank,
            permitted: one.explained.decision.is_allowed(),
            reasons: self.reasons(&one.explained),
            near_misses: self.near_misses(&one.explained),
        };
        let masks = leaf.masks.iter().filter(|_| self.is_full()).map(told);
        wire::ColumnExplanation {
            name: path(leaf),
            state: state.to_owned(),
            mask: mask.map(|mask| mask.mask.body.func.clone()),
            reasons: self.merged(parts),
            near_misses: if state == "clear" {
                Vec::new()
            } else {
                self.near_misses(&leaf.select)
            },
            masks: masks.collect(),
        }
    }

    /// The reasons of several decisions, each once.
    fn merged<'e>(&self, parts: impl Iterator<Item = &'e Explained>) -> Vec<wire::PolicyReason> {
        let mut all: Vec<wire::PolicyReason> = parts.flat_map(|part| self.reasons(part)).collect();
        all.sort_by(|left, right| left.id.cmp(&right.id));
        all.dedup();
        all
    }

    /// What determined a decision. Of a forbid: the exception that does not hold.
    fn reasons(&self, explained: &Explained) -> Vec<wire::PolicyReason> {
        let reason = |id: &String| {
            let exception = explained.exceptions.iter().find(|miss| miss.policy == *id);
            self.reason(id, exception)
        };
        explained.decision.policies.iter().map(reason).collect()
    }

    fn near_misses(&self, explained: &Explained) -> Vec<wire::PolicyReason> {
        let misses = explained.near_misses.iter();
        misses.map(|miss| self.reason(&miss.policy, Some(miss))).collect()
    }

    fn reason(&self, id: &str, miss: Option<&NearMiss>) -> wire::PolicyReason {
        let policies = self.answer.governor.policies();
        let grant = ObjectId::from_stored(id);
        let granted = self.answer.governor.snapshot().grant(&grant).is_some();
        let kind = match policies.permits(id) {
            _ if granted => "grant",
            Some(false) => "forbid",
            Some(true) | None => "permit",
        };
        let failed = miss.and_then(|miss| miss.failed.as_ref()).filter(|_| self.is_full());
        let ended = miss
            .and_then(|miss| miss.ended_ms)
            .and_then(DateTime::from_timestamp_millis);
        wire::PolicyReason {
            id: id.to_owned(),
            kind: kind.to_owned(),
            doc: policies.annotation(id, "doc").map(str::to_owned),
            grant: granted.then(|| self.grant(&grant)).flatten(),
            failed: failed.map(|failed| wire::FailedCondition {
                clause: match failed.clause {
                    lakegate_policy::ClauseKind::When => "when",
                    lakegate_policy::ClauseKind::Unless => "unless",
                }
                .to_owned(),
                text: self.named(&failed.text),
                outcome: match failed.outcome {
                    Outcome::False => "false",
                    Outcome::True => "true",
                    Outcome::Error => "error",
                }
                .to_owned(),
                values: failed
                    .values
                    .iter()
                    .map(|(reading, value)| (reading.clone(), self.named(value)))
                    .collect(),
            }),
            ended: ended.map(time),
        }
    }

    /// `select on database:lake.sales to role:staff`; of a grant whose entry the caller may read.
    fn grant(&self, id: &ObjectId) -> Option<String> {
        if !self.is_full() && !self.desk.reads(Kind::Grant, id) {
            return None;
        }
        let entry = self.desk.view(Kind::Grant, id)?.body;
        let text = |member: &str| entry.get(member).and_then(|value| value.as_str()).map(str::to_owned);
        let privilege = entry.get("privileges")?.as_array()?.first()?.as_str()?.to_owned();
        Some(format!("{privilege} on {} to {}", text("resource")?, text("to")?))
    }

    fn errors(&self, errors: &[String]) -> Vec<String> {
        let full = errors.iter().filter(|_| self.is_full());
        full.map(|error| self.named(error)).collect()
    }

    /// A text with today's names in place of ids; as it is where one of them is gone.
    fn named(&self, text: &str) -> String {
        show_names(text, &Names(self.answer.governor.snapshot())).unwrap_or_else(|_| text.to_owned())
    }
}

fn path(leaf: &LeafExplanation) -> String {
    leaf.path.iter().map(|part| quoted(part)).collect::<Vec<_>>().join(".")
}
