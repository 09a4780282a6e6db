//! How is a decision told to people? One line per fact, the reason behind it, the condition that failed below.

use lakegate_openapi::{
    policy_explanation::{
        ColumnExplanation, FilterExplanation, MappingExplanation, PolicyExplanation, PolicyReason, RelationExplanation,
    },
    policy_simulation::PolicySimulation,
};

use crate::cli::grid::printable;

/// A decision with its reasons.
pub fn explanation(told: &PolicyExplanation) -> Vec<String> {
    let may = if told.decision == "allow" { "may" } else { "may not" };
    let acting = told.on_behalf_of.as_ref().map(|name| format!(" on behalf of {name}"));
    let acting = acting.unwrap_or_default();
    let mut lines = vec![format!(
        "{} {may} {} {}{acting}",
        told.principal, told.action, told.resource
    )];
    if !told.roles.is_empty() {
        lines.push(format!("  roles: {}", told.roles.join(", ")));
    }
    let because = if told.decision == "allow" {
        "because of"
    } else {
        "forbidden by"
    };
    told.reasons
        .iter()
        .for_each(|one| reason(&mut lines, "  ", because, one));
    if told.decision != "allow" && told.reasons.is_empty() {
        lines.push("  nothing permits it".to_owned());
    }
    told.near_misses
        .iter()
        .for_each(|one| reason(&mut lines, "  ", "nearly", one));
    lines.extend(
        told.errors
            .iter()
            .map(|error| format!("  cannot be evaluated: {error}")),
    );
    if let Some(one) = &told.relation {
        relation(&mut lines, one);
    }
    if let Some(theirs) = &told.theirs {
        lines.push("for whom it is:".to_owned());
        lines.extend(explanation(theirs).into_iter().map(|line| format!("  {line}")));
    }
    lines.iter().map(|line| printable(line)).collect()
}

/// A simulation: its circumstances, its decisions, and the plan or the refusal.
pub fn simulation(done: &PolicySimulation) -> Vec<String> {
    let at = &done.context;
    let facts = [
        ("now", at.now.clone()),
        ("ip", at.ip.clone()),
        ("mfa", at.mfa.map(|mfa| mfa.to_string())),
        ("auth_age_ms", at.auth_age_ms.map(|age| age.to_string())),
        ("purpose", at.purpose.clone()),
        ("workgroup", at.workgroup.clone()),
        ("client", at.client.clone()),
    ];
    let facts: Vec<String> = facts
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name} = {}", value?)))
        .collect();
    let mut lines = vec![format!("with {}", facts.join(", "))];
    if done.draft {
        lines.push("by policies of a draft".to_owned());
    }
    for decision in &done.decisions {
        lines.push(String::new());
        lines.extend(explanation(decision));
    }
    lines.extend(done.missing.iter().map(|name| format!("\nthere is no table {name}")));
    if let Some(refusal) = &done.refusal {
        lines.push(format!("\nthe query is refused: {}: {}", refusal.code, refusal.message));
    }
    if !done.plan.is_empty() {
        lines.push("\nthe query runs so:".to_owned());
        lines.extend(done.plan.iter().map(|line| format!("  {}", printable(line))));
    }
    lines
}

fn relation(lines: &mut Vec<String>, told: &RelationExplanation) {
    lines.push(format!("rows: {}", told.rows));
    for filter in &told.filters {
        lines.push(format!("  {} {}: {}", filter.name, effect(filter), filter.condition));
        filter.mappings.iter().for_each(|one| lines.push(mapping(one)));
        filter
            .reasons
            .iter()
            .for_each(|one| reason(lines, "    ", "because of", one));
        filter
            .near_misses
            .iter()
            .for_each(|one| reason(lines, "    ", "nearly", one));
    }
    lines.push("columns:".to_owned());
    let width = told
        .columns
        .iter()
        .map(|column| column.name.chars().count())
        .max()
        .unwrap_or(0);
    for column in &told.columns {
        lines.push(format!("  {:<width$}  {}", column.name, state(column)));
        let because = if column.state == "hidden" {
            "forbidden by"
        } else {
            "because of"
        };
        column
            .reasons
            .iter()
            .for_each(|one| reason(lines, "    ", because, one));
        column
            .near_misses
            .iter()
            .for_each(|one| reason(lines, "    ", "nearly clear by", one));
        for mask in column.masks.iter().filter(|mask| !mask.permitted) {
            let near = mask.near_misses.iter();
            near.for_each(|one| reason(lines, "    ", &format!("nearly {} by", mask.func), one));
        }
    }
}

fn mapping(told: &MappingExplanation) -> String {
    let reader = told.read_as.as_deref().unwrap_or("nobody any more");
    let gives = match (told.state.as_str(), told.count) {
        ("error", _) => "it cannot be told, so that the filter is true on no row".to_owned(),
        ("unavailable", _) => "it cannot be read, so that statements are refused".to_owned(),
        (_, None) => "its values are for those who may see all of it".to_owned(),
        (_, Some(count)) => {
            let more = if u64::try_from(told.values.len()).is_ok_and(|shown| shown < count) {
                ", …"
            } else {
                ""
            };
            format!("{count} values: {}{more}", told.values.join(", "))
        }
    };
    format!(
        "    looks up {} for {}, read as {reader}: {gives}",
        told.table, told.principal
    )
}

fn effect(filter: &FilterExplanation) -> &'static str {
    match (filter.restrictive, filter.applies) {
        (true, true) => "hides rows that are not",
        (true, false) => "does not bind, for rows that are not",
        (false, true) => "shows rows that are",
        (false, false) => "is not granted, for rows that are",
    }
}

fn state(column: &ColumnExplanation) -> String {
    let mask = column.mask.as_deref();
    match (column.state.as_str(), mask) {
        ("masked", Some(mask)) => format!("masked: {mask}"),
        ("partly", Some(mask)) => format!("clear in some rows, else {mask}"),
        ("partly", None) => "clear in some rows, else NULL".to_owned(),
        ("null", _) => "NULL: two masks have the same rank".to_owned(),
        (state, _) => state.to_owned(),
    }
}

fn reason(lines: &mut Vec<String>, indent: &str, word: &str, told: &PolicyReason) {
    let what = match &told.grant {
        Some(grant) => format!("grant {} ({grant})", told.id),
        None if told.kind == "grant" => format!("grant {}", told.id),
        None => format!("policy {}", told.id),
    };
    let doc = told.doc.as_ref().map(|doc| format!(": {doc}")).unwrap_or_default();
    lines.push(format!("{indent}{word} {what}{doc}"));
    if let Some(ended) = &told.ended {
        lines.push(format!("{indent}  it ended at {ended}"));
    }
    if let Some(failed) = &told.failed {
        let is = match failed.outcome.as_str() {
            "error" => "cannot be evaluated",
            outcome => outcome,
        };
        lines.push(format!("{indent}  {}: `{}` is {is}", failed.clause, failed.text));
        let values = failed.values.iter().map(|(name, value)| format!("{name} = {value}"));
        let values: Vec<String> = values.collect();
        if !values.is_empty() {
            lines.push(format!("{indent}  here {}", values.join(", ")));
        }
    }
}
