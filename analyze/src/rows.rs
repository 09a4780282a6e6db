//! Does a row filter show a row that it did not show? Of bodies in Cedar the solver knows; of all else only whether it changed.

use cedar_policy::{Policy, PolicyId, PolicySet, RequestEnv};

use crate::{
    example::{Example, decided},
    facts::Facts,
    finding::{Finding, Kind},
    lake::{Filter, Lake, set},
    solver::{Analyst, Answer},
};

/// What filters and masks show more than before; without an old lake only which bodies can fail.
///
/// # Errors
/// A body that cannot be read.
pub fn rows(analyst: &mut Analyst, new: &Lake, old: Option<&Lake>) -> Result<Vec<Finding>, String> {
    let Some(env) = row_requests(analyst)? else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    let Some(old) = old else {
        for (name, filter) in &new.filters {
            match failing(analyst, name, filter, &env) {
                Ok(finding) => found.extend(finding),
                Err(why) => found.push(Finding::unknown(format!("filter {name}"), why)),
            }
        }
        return Ok(found);
    };
    for (name, change) in changes(new, old) {
        match change.finding(analyst, &name, &env) {
            Ok(finding) => found.extend(finding),
            Err(why) => found.push(Finding::unknown(format!("filter {name}"), why)),
        }
    }
    let masks = new
        .masks
        .iter()
        .filter(|(name, mask)| old.masks.get(*name) != Some(mask));
    found.extend(masks.map(|(name, _)| {
        let what = if old.masks.contains_key(name) { "changed" } else { "new" };
        Finding::new(Kind::Opaque, format!("mask {name}")).because(what)
    }));
    Ok(found)
}

fn row_requests(analyst: &Analyst) -> Result<Option<RequestEnv>, String> {
    let text = "permit(principal, action == Lakegate::Action::\"SelectRow\", resource);";
    let any = Policy::parse(None, text).map_err(|error| error.to_string())?;
    Ok(any.get_valid_request_envs(analyst.schema()).next())
}

fn failing(analyst: &mut Analyst, name: &str, filter: &Filter, env: &RequestEnv) -> Answer<Option<Finding>> {
    let Some(body) = filter.shown(name).transpose()? else {
        return Ok(None);
    };
    let Some(row) = analyst.failing(&body, env)? else {
        return Ok(None);
    };
    let alone = set([&body])?;
    let example = Example::of(&row, &Facts::default(), &PolicySet::new(), None, &|env| {
        decided(env, &alone).fails()
    })?;
    Ok(Some(
        Finding::new(Kind::Fails, format!("filter {name}")).shown_by(example),
    ))
}

/// Two states of one filter, of which at least one is there.
struct Change<'l> {
    new: Option<&'l Filter>,
    old: Option<&'l Filter>,
}

fn changes<'l>(new: &'l Lake, old: &'l Lake) -> Vec<(String, Change<'l>)> {
    let names: std::collections::BTreeSet<&String> = new.filters.keys().chain(old.filters.keys()).collect();
    let change = |name: &String| Change {
        new: new.filters.get(name),
        old: old.filters.get(name),
    };
    // A table that is gone shows nothing.
    let there = |change: &Change<'_>| {
        change.new.is_some()
            || change
                .old
                .is_some_and(|filter| new.relations.contains(&filter.relation))
    };
    let all = names.into_iter().map(|name| (name.clone(), change(name)));
    all.filter(|(_, change)| change.new != change.old && there(change))
        .collect()
}

impl Change<'_> {
    fn finding(&self, analyst: &mut Analyst, name: &str, env: &RequestEnv) -> Answer<Option<Finding>> {
        let about = format!("filter {name}");
        let opaque = |why: &str| Ok(Some(Finding::new(Kind::Opaque, about.clone()).because(why)));
        match (self.new, self.old) {
            // It hid rows and does not any more.
            (None, Some(old)) if !old.restrictive => return Ok(None),
            // It hides rows, and showed none.
            (Some(new), None) if new.restrictive => return Ok(None),
            (Some(new), Some(old)) if old.restrictive && !new.restrictive => return opaque("it was restrictive"),
            (Some(new), Some(old)) if !new.restrictive && !new.columns.within(&old.columns) => {
                return opaque("it opens more columns");
            }
            (Some(new), Some(old)) if new.body == old.body => return Ok(None),
            _ => {}
        }
        let dropped = self.new.is_none();
        let everything = Policy::parse(Some(PolicyId::new(name)), "permit(principal, action, resource);");
        let everything = everything.map_err(|error| error.to_string())?;
        let shown = |filter: Option<&Filter>, else_all: bool| match filter {
            Some(filter) => filter.shown(name).map(|body| set([&body?])),
            None if else_all => Some(set([&everything])),
            None => Some(Ok(PolicySet::new())),
        };
        // Without a restrictive filter all rows are shown, without a permissive one none.
        let (Some(new), Some(old)) = (shown(self.new, dropped), shown(self.old, false)) else {
            return opaque("its condition is SQL, and changed");
        };
        let (new, old) = (new?, old?);
        let Some(row) = analyst.allowed_by_first_alone(&new, &old, env)? else {
            return Ok(None);
        };
        let holds = |env: &cedar_policy_symcc::Env| decided(env, &new).allows() && !decided(env, &old).allows();
        let example = Example::of(&row, &Facts::default(), &PolicySet::new(), None, &holds)?;
        Ok(Some(Finding::new(Kind::WiderRows, about).shown_by(example)))
    }
}
