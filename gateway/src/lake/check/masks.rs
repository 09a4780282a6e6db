//! Are column masks right: do their functions exist, fit their columns, and rank one after the other?

use arrow::datatypes::DataType;
use lakegate_catalog::{
    governance::ColumnMask,
    id::ObjectId,
    name::split_name,
    object::{Kind, Stored},
    relation::Table,
};
use lakegate_query::{
    govern::column_mask::{self, Mask, MaskProblem},
    type_name::{parse_type, type_text},
};

use super::{
    CheckContext,
    governance::{admits, column_id, table},
    plain, same,
};
use crate::lake::{
    draft::{Draft, Seat},
    model::{Entry, MaskEntry, MaskOf},
    problem::suggestion,
};

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
        function(draft, entry, &table, (name, column));
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
        inverted(draft, masks, (name, column, &id), (entry, &table));
        let body = ColumnMask {
            table: table.id.clone(),
            func: entry.body.func.clone(),
            rank: entry.body.rank,
            domain: entry.body.domain.clone(),
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

/// Another mask of the column with the same rank.
fn twin(draft: &Draft, masks: &[MaskOf], place: (&str, &str, &ObjectId), entry: &Entry<MaskEntry>) -> Option<String> {
    let others = others(draft, masks, place, entry);
    others
        .into_iter()
        .find(|(_, other)| other.rank == entry.body.rank)
        .map(|(name, _)| name)
}

/// The other masks of the column: those of the lake, and stored ones that the lake does not name.
fn others(
    draft: &Draft,
    masks: &[MaskOf],
    (table, column, id): (&str, &str, &ObjectId),
    entry: &Entry<MaskEntry>,
) -> Vec<(String, MaskEntry)> {
    let here = |other: &&MaskOf| other.table.eq_ignore_ascii_case(table) && other.column.eq_ignore_ascii_case(column);
    let named: Vec<&Entry<MaskEntry>> = masks.iter().filter(here).map(|other| &other.mask).collect();
    let is = |name: &str, other: &str| name.eq_ignore_ascii_case(other);
    let of_lake = named.iter().filter(|other| !is(&other.name, &entry.name));
    let of_lake = of_lake.map(|other| (other.name.clone(), other.body.clone()));
    let stored = draft.after.masks_of(id).into_iter();
    let stored = stored.filter(|mask| !named.iter().any(|other| is(&other.name, &mask.name)));
    let stored = stored.map(|mask| (mask.name.clone(), draft.stored().mask(mask)));
    of_lake.chain(stored).collect()
}

/// Of two masks the one that shows more has the lower rank: otherwise who is granted a second mask would see less.
fn inverted(
    draft: &mut Draft,
    masks: &[MaskOf],
    (name, column, id): (&str, &str, &ObjectId),
    (entry, table): (&Entry<MaskEntry>, &Stored<Table>),
) {
    let Some(data_type) = type_at(table, column) else {
        return;
    };
    for (other, mask) in others(draft, masks, (name, column, id), entry) {
        let (own, other) = ((entry.name.as_str(), &entry.body), (other.as_str(), &mask));
        let (lower, higher) = if own.1.rank < other.1.rank {
            (own, other)
        } else {
            (other, own)
        };
        if lower.1.rank == higher.1.rank || !column_mask::is_inverted(declared(lower.1), declared(higher.1), &data_type)
        {
            continue;
        }
        let message = format!(
            "mask `{}` of `{name}.{column}` shows less than `{}` and has the lower rank, which applies first",
            lower.0, higher.0
        );
        draft.invalid(
            entry.at(&["rank"]),
            message,
            "give the mask that shows more the lower rank",
        );
        return;
    }
}

fn declared(mask: &MaskEntry) -> column_mask::Declared<'_> {
    (&mask.func, mask.domain.as_deref())
}

/// The function exists, fits the column's type, and takes the domain.
fn function(draft: &mut Draft, entry: &Entry<MaskEntry>, table: &Stored<Table>, (name, column): (&str, &str)) {
    if let Some(domain) = &entry.body.domain
        && let Err(problem) = column_mask::check_domain(&entry.body.func, domain)
    {
        let remedy = "leave `domain` out, or name one for masks that hash";
        draft.invalid(entry.at(&["domain"]), problem.to_string(), remedy);
    }
    let Some(data_type) = type_at(table, column) else {
        return;
    };
    match column_mask::check(&entry.body.func, &data_type) {
        Ok(Mask::Null) if !is_nullable(table, column) => {
            let message = format!(
                "mask function `{}` does not apply to `{column}`, which is never NULL",
                entry.body.func
            );
            draft.invalid(
                entry.at(&["func"]),
                message,
                "use `mask-to-fixed-value`, or leave `nullable: false` out",
            );
        }
        Ok(mask) => {
            if let Some(lint) = mask.lint() {
                let (place, func) = (entry.at(&["func"]), &entry.body.func);
                let warning = format!("{place}: mask `{}` of `{name}.{column}`: `{func}` {lint}", entry.name);
                draft.warnings.push(warning);
            }
        }
        Err(problem) => {
            let (message, remedy) = told(problem, column);
            draft.invalid(entry.at(&["func"]), message, remedy);
        }
    }
}

/// What is wrong with a function of a column, and the remedy.
fn told(problem: MaskProblem, column: &str) -> (String, String) {
    let message = problem.to_string();
    match problem {
        MaskProblem::Unknown(func) => {
            let known = Mask::FORMS.iter().map(|(name, _)| *name);
            let name = func.split('(').next().unwrap_or_default().trim();
            let message = format!("mask function `{func}` does not exist");
            (message, suggestion(name, known))
        }
        MaskProblem::Form { func, form } => {
            let message = format!("mask function `{func}` is not written as it should be");
            (message, format!("write {form}"))
        }
        MaskProblem::Type { func, data_type } => {
            let data_type = type_text(&data_type);
            let message = format!("mask function `{func}` does not apply to `{column}`, which is `{data_type}`");
            let remedy = "use `mask-to-fixed-value` or `replace-with-null`, or mask another column";
            (message, remedy.to_owned())
        }
        MaskProblem::Value { .. } => (message, format!("write a value of the type of `{column}`")),
        MaskProblem::NoDomain { .. } | MaskProblem::Domain => (message, String::new()),
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
