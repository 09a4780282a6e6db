//! Are policies right? Names are resolved in the syntax, then the whole set is validated strictly.

use std::{
    cell::Cell,
    collections::{HashMap, HashSet},
    sync::Arc,
};

use lakegate_catalog::{governance::Policy, object::Kind};
use lakegate_policy::{
    Action, NameResolver, PolicyProblem, PolicyText, Statement, lints, resolve_names, split_policies, validate,
};
use lakegate_query::entities::ObjectRef;

use super::{CheckContext, asked, plain, same};
use crate::lake::{
    draft::{Draft, Seat},
    entry::Names,
    model::{Entry, PolicyEntry},
    problem::{Place, Problem, ProblemCode},
    read::policy_message,
};

pub(super) fn policies(cx: &CheckContext<'_>, draft: &mut Draft, entries: &[Entry<PolicyEntry>]) {
    let mut statements = HashMap::new();
    for entry in entries {
        let known = draft.after.find_policy(&entry.name).cloned();
        let kept = known
            .as_ref()
            .is_some_and(|known| known.body.text == entry.body.text || same(draft.stored().policy(known), &entry.body));
        let asked = asked(Kind::Policy, entry, known.as_ref().map(|known| &known.id), kept);
        if !cx
            .judge
            .admits(draft, asked, &[(Action::ManagePolicy, ObjectRef::policy_store())])
        {
            continue;
        }
        if let Some(known) = &known {
            draft.claim(known, &entry.place, false);
        }
        if kept {
            continue;
        }
        if !plain(draft, &entry.name, &entry.place, "policy") {
            continue;
        }
        let Some(statement) = statement(draft, entry) else {
            continue;
        };
        let names = Excusing {
            names: Names(&draft.after),
            draft,
            excused: Cell::new(false),
        };
        let resolved = resolve_names(&statement, &names);
        if names.excused.get() && resolved.is_ok() {
            continue;
        }
        match resolved {
            Ok(resolved) => {
                let body = Policy {
                    text: entry.body.text.clone(),
                    resolved,
                };
                draft.write(
                    known.as_deref(),
                    &Seat {
                        parent: None,
                        name: &entry.name,
                        place: &entry.place,
                    },
                    body,
                );
                statements.insert(entry.name.clone(), statement);
            }
            Err(found) => draft.problems.extend(
                found
                    .into_iter()
                    .map(|problem| located(&entry.place, problem))
                    .collect::<Vec<_>>(),
            ),
        }
    }
    if !statements.is_empty() {
        draft.reindex();
        whole_set(draft, &statements);
    }
}

/// A policy with the id of a grant would keep the whole set from being published: nothing could be decided any more.
pub(crate) fn own_ids(draft: &mut Draft) {
    let grants: HashSet<&str> = draft.after.grants.iter().map(|grant| grant.id.as_str()).collect();
    let taken = draft
        .after
        .policies
        .iter()
        .filter(|policy| grants.contains(policy.name.as_str()));
    let taken: Vec<String> = taken.map(|policy| policy.name.clone()).collect();
    for id in taken {
        let place = place_of(draft, &id);
        draft.problems.push(located(&place, taken_id(&id)));
    }
}

/// What is wrong with a policy that has the id of a grant.
pub(crate) fn taken_id(id: &str) -> PolicyProblem {
    PolicyProblem::new(
        format!("policy id `{id}` is the id of a grant"),
        "give the policy another `@id`",
    )
    .of(id)
}

/// Resolves names, and lets pass those of entries whose own problem has been told.
struct Excusing<'a> {
    names: Names<'a>,
    draft: &'a Draft,
    excused: Cell<bool>,
}

impl NameResolver for Excusing<'_> {
    fn resolve(&self, entity_type: &str, name: &str) -> Option<String> {
        self.names.resolve(entity_type, name).or_else(|| {
            let excused = self.draft.excuses(entity_type, name);
            self.excused.set(self.excused.get() || excused);
            excused.then(|| name.to_owned())
        })
    }

    fn name_of(&self, entity_type: &str, id: &str) -> Option<String> {
        self.names.name_of(entity_type, id)
    }
}

/// The statement of an entry, placed in its file.
fn statement(draft: &mut Draft, entry: &Entry<PolicyEntry>) -> Option<Statement> {
    match split_policies(&entry.body.text) {
        Ok(mut statements) if statements.len() == 1 => {
            let mut statement = statements.pop()?;
            if statement.id != entry.name {
                let message = format!("policy `{}` has `@id(\"{}\")`", entry.name, statement.id);
                draft.problems.push(Problem::new(
                    ProblemCode::PolicyInvalid,
                    &entry.place,
                    message,
                    "let both be the same",
                ));
                return None;
            }
            statement.line = entry.place.line.max(1);
            statement.column = entry.place.column.max(1);
            Some(statement)
        }
        Ok(_) => {
            let message = format!("policy `{}` must be exactly one statement", entry.name);
            draft.problems.push(Problem::new(
                ProblemCode::PolicyInvalid,
                &entry.place,
                message,
                "split it",
            ));
            None
        }
        Err(found) => {
            draft.problems.extend(found.into_iter().map(|problem| {
                Problem::new(
                    ProblemCode::PolicyInvalid,
                    &entry.place,
                    problem.to_string(),
                    problem.remedy,
                )
            }));
            None
        }
    }
}

fn whole_set(draft: &mut Draft, statements: &HashMap<String, Statement>) {
    let texts: Vec<PolicyText> = draft
        .after
        .policies
        .iter()
        .map(|policy| PolicyText {
            id: policy.name.clone(),
            resolved: policy.body.resolved.clone(),
        })
        .collect();
    for problem in validate(&texts).err().into_iter().flatten() {
        let statement = problem.policy.as_ref().and_then(|id| statements.get(id));
        let (place, problem) = match statement {
            Some(statement) => (place_of(draft, &statement.id), problem.in_statement(statement)),
            None => (Place::of_input("stored policies"), problem),
        };
        draft.problems.push(located(&place, problem));
    }
    let changed: Vec<PolicyText> = texts
        .into_iter()
        .filter(|text| statements.contains_key(&text.id))
        .collect();
    for lint in lints(&changed) {
        let place = lint
            .policy
            .as_ref()
            .map_or_else(|| Place::of_input("policies"), |id| place_of(draft, id));
        draft
            .warnings
            .push(format!("{place}: {}; {}", policy_message(&lint), lint.remedy));
    }
}

fn place_of(draft: &Draft, id: &str) -> Place {
    let policy = draft.after.find_policy(id);
    let place = policy.and_then(|policy| draft.places.get(&(Kind::Policy, policy.id.clone())));
    place.cloned().unwrap_or_else(|| Place::of_input("policies"))
}

/// The place of a problem: line and column are the file's own.
fn located(place: &Place, problem: PolicyProblem) -> Problem {
    let place = Place {
        file: Arc::clone(&place.file),
        line: if place.line == 0 {
            0
        } else {
            problem.line.unwrap_or(place.line)
        },
        column: if place.line == 0 {
            0
        } else {
            problem.column.unwrap_or(1)
        },
    };
    Problem::new(
        ProblemCode::PolicyInvalid,
        &place,
        policy_message(&problem),
        problem.remedy,
    )
}
