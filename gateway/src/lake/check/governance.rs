//! Are tag keys, data filters and column masks right?

use arrow::datatypes::DataType;
use lakegate_catalog::{
    governance::{BoundColumn, ColumnMask, DataFilter, FilterColumns, TagKey},
    id::ObjectId,
    name::{TableName, split_name},
    object::{Kind, Stored},
    relation::Table,
};
use lakegate_policy::Action;
use lakegate_query::{
    entities::ObjectRef,
    govern::{
        column_mask::{self, MaskProblem},
        row_filter::{self, FilterProblemKind},
    },
    type_name::{parse_type, type_text},
};

use super::{CheckContext, plain, same};
use crate::lake::{
    draft::{Draft, Seat},
    judge::Asked,
    model::{Entry, FilterEntry, FilterOf, MaskEntry, MaskOf, TagEntry},
    problem::{Place, Problem, suggestion},
};

pub(super) fn tags(draft: &mut Draft, entries: &[Entry<TagEntry>]) {
    for entry in entries {
        let known = draft.after.find_tag(&entry.name).cloned();
        if let Some(known) = &known {
            draft.claim(known, &entry.place, false);
            if same(draft.stored().tag(known), &entry.body) {
                continue;
            }
        }
        if !plain(draft, &entry.name, &entry.place, "tag key") {
            continue;
        }
        let TagEntry { values, ordered } = entry.body.clone();
        if let Some((at, value)) = values
            .iter()
            .enumerate()
            .find(|(at, value)| values.iter().take(*at).any(|other| other == *value))
        {
            draft.invalid(
                entry.at(&["values", &at.to_string()]),
                format!("value `{value}` stands twice"),
                "keep one of the two",
            );
        }
        if ordered && values.is_empty() {
            draft.invalid(
                entry.at(&["ordered"]),
                "an ordered tag needs `values`",
                "list them from least to most restrictive",
            );
        }
        let name = known.as_ref().map_or(entry.name.as_str(), |known| known.name.as_str());
        draft.write(
            known.as_deref(),
            &Seat {
                parent: None,
                name,
                place: &entry.place,
            },
            TagKey { values, ordered },
        );
    }
    draft.reindex();
}

/// The table that filters and masks of the lake belong to. (What is wrong with its name was said with the table.)
fn table(draft: &Draft, name: &str) -> Option<std::sync::Arc<Stored<Table>>> {
    let parts = split_name(name)?;
    let [catalog, database, table] = parts.as_slice() else {
        return None;
    };
    draft
        .after
        .find_table(&TableName::new(catalog, database, table))
        .map(|path| path.table)
}

pub(super) fn filters(cx: &CheckContext<'_>, draft: &mut Draft, filters: &[FilterOf]) {
    for FilterOf {
        table: name,
        filter: entry,
    } in filters
    {
        let Some(table) = table(draft, name) else { continue };
        let known = draft
            .after
            .filters_of(&table.id)
            .into_iter()
            .find(|filter| filter.name.eq_ignore_ascii_case(&entry.name))
            .cloned();
        let kept = known
            .as_ref()
            .is_some_and(|known| same(draft.stored().filter(known), &entry.body));
        if !admits(cx, draft, (Kind::DataFilter, name), entry, kept) {
            continue;
        }
        if let Some(known) = &known {
            draft.claim(known, &entry.place, false);
        }
        if kept && !draft.reshaped.contains(&table.id) {
            continue;
        }
        if !plain(draft, &entry.name, &entry.place, "data filter") {
            continue;
        }
        let reads = reads(draft, entry, &table);
        let columns = filter_columns(draft, entry, &table, name);
        let body = DataFilter {
            body: entry.body.condition.clone(),
            covers: columns.meant(table.body.columns.iter().map(|column| &column.id)),
            columns,
            restrictive: entry.body.restrictive,
            reads,
        };
        let name = known.as_ref().map_or(entry.name.as_str(), |known| known.name.as_str());
        let seat = Seat {
            parent: Some(table.id.clone()),
            name,
            place: &entry.place,
        };
        draft.write(known.as_deref(), &seat, body);
    }
}

/// Filters and masks belong to the policies, whoever owns the table.
fn admits<E>(
    cx: &CheckContext<'_>,
    draft: &mut Draft,
    (kind, owner): (Kind, &str),
    entry: &Entry<E>,
    same: bool,
) -> bool {
    let name = format!("{owner}/{}", entry.name);
    let asked = Asked {
        kind,
        name: &name,
        place: &entry.place,
        known: None,
        same,
    };
    cx.judge
        .admits(draft, asked, &[(Action::ManagePolicy, ObjectRef::policy_store())])
}

/// Checks the condition and binds the columns that it reads.
fn reads(draft: &mut Draft, entry: &Entry<FilterEntry>, table: &Stored<Table>) -> Vec<BoundColumn> {
    let columns: Vec<(String, DataType)> = table
        .body
        .columns
        .iter()
        .filter_map(|column| Some((column.name.clone(), parse_type(&column.data_type).ok()?)))
        .collect();
    match row_filter::check(&entry.body.condition, &columns) {
        Ok(reads) => reads
            .into_iter()
            .filter_map(|read| {
                let column = table.body.columns.iter().find(|column| column.name == read.name)?;
                Some(BoundColumn {
                    name: read.name,
                    id: column.id.clone(),
                    data_type: column.data_type.clone(),
                })
            })
            .collect(),
        Err(found) => {
            let place = entry.at(&["where"]);
            let problems = found.into_iter().map(|problem| {
                let at = entry
                    .body
                    .condition
                    .get(..problem.offset)
                    .map_or(0, |text| text.chars().count())
                    + 1;
                let message = format!("filter `{}`, character {at}: {}", entry.name, problem.message);
                match problem.kind {
                    FilterProblemKind::NotSupported => Problem::new(
                        crate::lake::problem::ProblemCode::NotSupported,
                        place,
                        message,
                        "use another condition",
                    ),
                    FilterProblemKind::UnknownColumn => {
                        let names = columns.iter().map(|(name, _)| name.as_str());
                        let name = problem.message.split('`').nth(1).unwrap_or_default();
                        Problem::invalid(place, message, draft.suggestion(name, names))
                    }
                    FilterProblemKind::Limit | FilterProblemKind::Syntax | FilterProblemKind::Type => {
                        Problem::invalid(place, message, "see the language of row filters")
                    }
                }
            });
            draft.problems.extend(problems.collect::<Vec<_>>());
            Vec::new()
        }
    }
}

fn filter_columns(draft: &mut Draft, entry: &Entry<FilterEntry>, table: &Stored<Table>, name: &str) -> FilterColumns {
    let mut ids = |key: &str, names: &[String]| -> Vec<ObjectId> {
        let mut ids: Vec<ObjectId> = names
            .iter()
            .filter_map(|column| column_id(draft, table, name, column, entry.at(&[key])))
            .collect();
        ids.sort();
        ids
    };
    let listed = [("columns", &entry.body.columns), ("except", &entry.body.except)];
    if let Some((key, _)) = listed.iter().find(|(_, list)| list.is_some() && entry.body.restrictive) {
        let message = format!("filter `{}` is restrictive and has `{key}`", entry.name);
        let remedy = format!("remove `{key}`: a restrictive filter hides rows and opens no column");
        draft.invalid(entry.at(&[key]), message, remedy);
        return FilterColumns::All;
    }
    match (&entry.body.columns, &entry.body.except) {
        (Some(_), Some(_)) => {
            let message = format!("filter `{}` has both `columns` and `except`", entry.name);
            draft.invalid(entry.at(&["except"]), message, "keep one of the two");
            FilterColumns::All
        }
        (Some(columns), None) => FilterColumns::Include(ids("columns", columns)),
        (None, Some(except)) => FilterColumns::Except(ids("except", except)),
        (None, None) => FilterColumns::All,
    }
}

/// Id of a column of `table` (called `name`) by its dotted path.
fn column_id(draft: &mut Draft, table: &Stored<Table>, name: &str, column: &str, place: &Place) -> Option<ObjectId> {
    let id = draft.after.resolve("Column", &format!("{name}.{column}"));
    if id.is_none() {
        let known = table.body.columns.iter().map(|column| column.name.as_str());
        let message = format!("table `{name}` has no column `{column}`");
        let remedy = draft.suggestion(column, known.clone());
        draft.invalid(place, message, remedy);
    }
    id
}

pub(super) fn masks(cx: &CheckContext<'_>, draft: &mut Draft, masks: &[MaskOf]) {
    for MaskOf {
        table: name,
        column,
        mask: entry,
    } in masks
    {
        let Some(table) = table(draft, name) else { continue };
        let Some(id) = column_id(draft, &table, name, column, &entry.place) else {
            continue;
        };
        let known = draft
            .after
            .masks_of(&id)
            .into_iter()
            .find(|mask| mask.name.eq_ignore_ascii_case(&entry.name))
            .cloned();
        let kept = known
            .as_ref()
            .is_some_and(|known| same(draft.stored().mask(known), &entry.body));
        if !admits(cx, draft, (Kind::ColumnMask, &format!("{name}.{column}")), entry, kept) {
            continue;
        }
        if let Some(known) = &known {
            draft.claim(known, &entry.place, false);
        }
        if kept && !draft.reshaped.contains(&table.id) {
            continue;
        }
        if !plain(draft, &entry.name, &entry.place, "column mask") {
            continue;
        }
        function(draft, entry, &table, column);
        if let Some(twin) = twin(draft, masks, (name, column, &id), entry) {
            let message = format!(
                "masks `{twin}` and `{}` of `{name}.{column}` have the same rank",
                entry.name
            );
            draft.invalid(
                entry.at(&["rank"]),
                message,
                "give each mask of a column a rank of its own",
            );
        }
        let body = ColumnMask {
            table: table.id.clone(),
            func: entry.body.func.clone(),
            rank: entry.body.rank,
        };
        let mask = known.as_ref().map_or(entry.name.as_str(), |known| known.name.as_str());
        draft.write(
            known.as_deref(),
            &Seat {
                parent: Some(id),
                name: mask,
                place: &entry.place,
            },
            body,
        );
    }
}

/// Another mask of the column with the same rank: one of the lake, or a stored one that the lake does not name.
fn twin(
    draft: &Draft,
    masks: &[MaskOf],
    (table, column, id): (&str, &str, &ObjectId),
    entry: &Entry<MaskEntry>,
) -> Option<String> {
    let here = |other: &&MaskOf| other.table.eq_ignore_ascii_case(table) && other.column.eq_ignore_ascii_case(column);
    let named: Vec<&Entry<MaskEntry>> = masks.iter().filter(here).map(|other| &other.mask).collect();
    let is = |name: &str, other: &str| name.eq_ignore_ascii_case(other);
    let of_lake = named
        .iter()
        .find(|other| !is(&other.name, &entry.name) && other.body.rank == entry.body.rank);
    of_lake.map(|other| other.name.clone()).or_else(|| {
        let stored = draft
            .after
            .masks_of(id)
            .into_iter()
            .filter(|mask| mask.body.rank == entry.body.rank);
        let mut others = stored.filter(|mask| !named.iter().any(|other| is(&other.name, &mask.name)));
        others.next().map(|mask| mask.name.clone())
    })
}

/// The function exists and fits the column's type.
fn function(draft: &mut Draft, entry: &Entry<MaskEntry>, table: &Stored<Table>, column: &str) {
    let Some(data_type) = type_at(table, column) else {
        return;
    };
    let place = entry.at(&["func"]).clone();
    match column_mask::check(&entry.body.func, &data_type) {
        Ok(column_mask::Mask::Null) if !is_nullable(table, column) => {
            let message = format!(
                "mask function `{}` does not apply to `{column}`, which is never NULL",
                entry.body.func
            );
            draft.invalid(
                &place,
                message,
                "use `mask-to-fixed-value`, or leave `nullable: false` out",
            );
        }
        Ok(_) => {}
        Err(MaskProblem::NotSupported(func)) => {
            draft
                .problems
                .push(Problem::not_supported(&place, &format!("mask function `{func}`")));
        }
        Err(MaskProblem::Unknown(func)) => {
            let known = column_mask::Mask::ALL.iter().map(|(name, _)| *name);
            draft.invalid(
                &place,
                format!("mask function `{func}` does not exist"),
                suggestion(&func, known),
            );
        }
        Err(MaskProblem::Type { func, data_type }) => {
            let message = format!(
                "mask function `{func}` does not apply to `{column}`, which is `{}`",
                type_text(&data_type)
            );
            draft.invalid(
                &place,
                message,
                "use `mask-to-fixed-value` or `replace-with-null`, or mask another column",
            );
        }
    }
}

/// May the column be NULL? A field always may.
fn is_nullable(table: &Stored<Table>, path: &str) -> bool {
    let parts = split_name(path).unwrap_or_default();
    let [name] = parts.as_slice() else { return true };
    let mut columns = table.body.columns.iter();
    columns.all(|column| column.name != name.to_lowercase() || column.nullable)
}

/// Type of a column or struct field by its dotted path.
fn type_at(table: &Stored<Table>, path: &str) -> Option<DataType> {
    let parts = split_name(path)?;
    let (first, rest) = parts.split_first()?;
    let column = table
        .body
        .columns
        .iter()
        .find(|column| column.name == first.to_lowercase())?;
    rest.iter()
        .try_fold(parse_type(&column.data_type).ok()?, |data_type, part| match data_type {
            DataType::Struct(fields) => fields
                .iter()
                .find(|field| field.name().eq_ignore_ascii_case(part))
                .map(|field| field.data_type().clone()),
            _ => None,
        })
}
