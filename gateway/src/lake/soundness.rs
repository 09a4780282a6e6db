//! Do the stored filters and masks still fit their tables? A source changes its columns without asking.
//!
//! What no longer fits denies (governance.md §4.1); this says so before somebody is denied, and to whom it can be said.

use std::sync::Arc;

use arrow::datatypes::DataType;
use lakegate_catalog::{
    governance::{BoundColumn, ColumnMask, DataFilter, FilterLanguage},
    id::ObjectId,
    name::split_name,
    object::Stored,
    relation::Table,
    snapshot::Snapshot,
};
use lakegate_policy::{PolicyProblem, show_condition};
use lakegate_query::{
    entities::Names,
    govern::{cedar_body, column_mask, row_filter},
    type_name::{parse_type, type_text},
};

/// Mask functions that hide little, with what hides more.
const WEAK: [(&str, &str, &str); 3] = [
    (
        "sha-256-global",
        "a list of guesses finds the values behind unkeyed hashes",
        "use a keyed hash (`hmac-sha-256`)",
    ),
    (
        "show-first-4",
        "it returns values of up to four characters unchanged",
        "use `mask-alphanum` where values may be short",
    ),
    (
        "show-last-4",
        "it returns values of up to four characters unchanged",
        "use `mask-alphanum` where values may be short",
    ),
];

/// Problems, and warnings, of the stored filters and masks.
#[must_use]
pub fn bodies(snapshot: &Snapshot) -> (Vec<PolicyProblem>, Vec<PolicyProblem>) {
    let (mut problems, mut warnings) = (Vec::new(), Vec::new());
    for filter in &snapshot.data_filters {
        problems.extend(of_filter(snapshot, filter));
        let sql = filter.body.language == FilterLanguage::Sql;
        if sql && filter.body.body.to_lowercase().contains("principal.name") {
            let message = format!(
                "{}: a name can be given to somebody else later",
                filter_name(snapshot, filter)
            );
            warnings.push(PolicyProblem::new(message, "compare with `principal.id`, which lasts"));
        }
    }
    for mask in &snapshot.column_masks {
        problems.extend(of_mask(snapshot, mask));
        let weak = WEAK.iter().find(|(func, _, _)| mask.body.func == *func);
        warnings.extend(weak.map(|(func, why, remedy)| {
            PolicyProblem::new(format!("{} (`{func}`): {why}", mask_name(snapshot, mask)), *remedy)
        }));
    }
    (problems, warnings)
}

fn of_filter(snapshot: &Snapshot, filter: &Stored<DataFilter>) -> Vec<PolicyProblem> {
    let Some(table) = filter.parent.as_ref().and_then(|id| snapshot.table(id)) else {
        return Vec::new();
    };
    let name = filter_name(snapshot, filter);
    let drifted: Vec<PolicyProblem> = filter
        .body
        .reads
        .iter()
        .filter_map(|read| drift(&name, table, read))
        .collect();
    if !drifted.is_empty() {
        return drifted;
    }
    // Under the names of its publication: a renamed column stays bound.
    let columns: Vec<(String, DataType)> = filter
        .body
        .reads
        .iter()
        .filter_map(|read| Some((read.name.clone(), type_of(table, &read.id)?)))
        .collect();
    let again = |message: String| {
        let message = format!("{name}: {message}");
        PolicyProblem::new(message, "publish the filter again with another condition")
    };
    match filter.body.language {
        FilterLanguage::Sql => {
            let found = row_filter::check(&filter.body.body, &columns).err().unwrap_or_default();
            found.into_iter().map(|problem| again(problem.message)).collect()
        }
        FilterLanguage::Cedar => {
            let resolved = filter.body.resolved.as_deref().unwrap_or_default();
            let gone = show_condition(resolved, &Names(snapshot)).err().unwrap_or_default();
            let found = cedar_body::again(resolved, &columns).err().unwrap_or_default();
            let found = gone.into_iter().chain(found);
            found.map(|problem| again(problem.message)).collect()
        }
    }
}

fn drift(name: &str, table: &Arc<Stored<Table>>, read: &BoundColumn) -> Option<PolicyProblem> {
    let Some(now) = type_of(table, &read.id) else {
        return Some(PolicyProblem::new(
            format!(
                "{name}: column `{}`, which it reads, is gone: the table denies",
                read.name
            ),
            "bring the column back, or publish the filter again without it",
        ));
    };
    let published = parse_type(&read.data_type).ok()?;
    (now != published).then(|| {
        PolicyProblem::new(
            format!(
                "{name}: column `{}` is `{}` and was `{}`: the table denies",
                read.name,
                type_text(&now),
                read.data_type
            ),
            "publish the filter again",
        )
    })
}

fn of_mask(snapshot: &Snapshot, mask: &Stored<ColumnMask>) -> Option<PolicyProblem> {
    let table = snapshot.table(&mask.body.table)?;
    let name = mask_name(snapshot, mask);
    let Some(data_type) = mask.parent.as_ref().and_then(|column| type_of(table, column)) else {
        return Some(PolicyProblem::new(
            format!("{name}: its column is gone"),
            "remove the mask",
        ));
    };
    let problem = column_mask::check(&mask.body.func, &data_type).err()?;
    Some(PolicyProblem::new(
        format!("{name}: {problem}: the column denies"),
        "replace the mask by one that takes the type",
    ))
}

/// Type of a column, or of a field of a struct column, by its id.
fn type_of(table: &Stored<Table>, id: &ObjectId) -> Option<DataType> {
    let column = table.body.columns.iter().find(|column| id.is_within(&column.id))?;
    let whole = parse_type(&column.data_type).ok()?;
    let path = id.as_str().get(column.id.as_str().len()..)?.trim_start_matches('.');
    if path.is_empty() {
        return Some(whole);
    }
    split_name(path)?.iter().try_fold(whole, |inside, part| match inside {
        DataType::Struct(fields) => fields
            .iter()
            .find(|field| field.name().eq_ignore_ascii_case(part))
            .map(|field| field.data_type().clone()),
        _ => None,
    })
}

fn filter_name(snapshot: &Snapshot, filter: &Stored<DataFilter>) -> String {
    let name = snapshot.name_of("DataFilter", filter.id.as_str());
    format!("filter `{}`", name.unwrap_or_else(|| filter.name.clone()))
}

fn mask_name(snapshot: &Snapshot, mask: &Stored<ColumnMask>) -> String {
    let name = snapshot.name_of("ColumnMask", mask.id.as_str());
    format!("mask `{}`", name.unwrap_or_else(|| mask.name.clone()))
}
