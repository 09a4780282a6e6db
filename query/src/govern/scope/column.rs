//! What does the caller see of each column? Rule 5 of governance.md §3, struct fields included.

use std::sync::Arc;

use datafusion::{
    arrow::datatypes::{DataType, Field, Fields},
    common::ScalarValue,
    logical_expr::{Expr, Operator, lit},
};
use lakegate_catalog::{id::ObjectId, relation::Column};
use lakegate_policy::{Clear, ColumnAccess, MaskChoice};

use super::{Compiler, VisibleColumn};
use crate::{
    error::{ErrorCode, QueryError, Result},
    govern::{
        cell::CellFunction,
        column_mask,
        row_filter::{FilterFunction, binary, raw_column},
    },
};

/// A leaf with its decision.
type Decided = (Vec<String>, ColumnAccess);

/// Where a raw value stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    column: &'a Column,
    /// Position among the source's columns.
    at: usize,
    /// Names on the path of the leaves that are behind us, as the source spells them.
    path: &'a [String],
    /// The value here; in a column that comes as text, the text of the whole column.
    raw: &'a Expr,
    data_type: &'a DataType,
}

/// A value that may be shown, and the condition under which it is clear; `None`: always.
pub(super) struct Shown {
    cell: Expr,
    data_type: DataType,
    clear: Option<Expr>,
}

/// One visible leaf: how its value is shown, and how it is not.
pub(super) struct Leaf<'a> {
    place: Place<'a>,
    text: bool,
}

impl Leaf<'_> {
    fn typed(&self, raw: Expr) -> Expr {
        if self.text {
            converted(self.place.column, raw, self.place.path, self.place.data_type)
        } else {
            raw
        }
    }

    /// Clear on every visible row.
    pub(super) fn clear(&self) -> Shown {
        Shown {
            cell: self.typed(self.place.raw.clone()),
            data_type: self.place.data_type.clone(),
            clear: None,
        }
    }

    /// Clear where the condition IS TRUE, else `other`. What is not shown is not converted.
    pub(super) fn shown_where(&self, condition: Expr, other: Expr) -> Shown {
        let raw = vec![condition.clone(), self.place.raw.clone()];
        let shown = self.typed(CellFunction::Keep.call(raw));
        Shown {
            cell: self.choose(condition.clone(), shown, other),
            data_type: self.place.data_type.clone(),
            clear: Some(condition),
        }
    }

    pub(super) fn choose(&self, condition: Expr, then: Expr, other: Expr) -> Expr {
        CellFunction::Choose.call(vec![condition, then, other])
    }
}

impl Compiler<'_> {
    /// The visible columns in the order of the table.
    pub(super) fn visible(&mut self) -> Result<Vec<VisibleColumn>> {
        let columns = self.grant.path.table.body.columns.clone();
        let mut visible = Vec::new();
        for (at, column) in columns.iter().enumerate() {
            let decided: Vec<Decided> = self
                .leaves
                .iter()
                .zip(&self.grant.access.columns)
                .filter(|(leaf, access)| leaf.column == at && access.id == leaf.id.as_str())
                .map(|(leaf, access)| (leaf.path.clone(), access.clone()))
                .collect();
            if decided.iter().any(|(_, access)| access.is_visible()) {
                visible.push(self.column(column, &decided)?);
            }
        }
        Ok(visible)
    }

    fn column(&mut self, column: &Column, decided: &[Decided]) -> Result<VisibleColumn> {
        let at = self.source.find(column).ok_or_else(|| self.unfit())?;
        let declared = self.source.declared_type(at).ok_or_else(|| self.unfit())?.clone();
        let (name, _) = self.source.raw_field(at).ok_or_else(|| self.unfit())?;
        let name = name.to_owned();
        let always = decided.iter().all(|(_, access)| access.clear == Clear::Always);
        let text = self.source.is_text_for(at);
        let nullable = self.source.raw.fields().get(at).is_none_or(|field| field.is_nullable());
        let shown = if always {
            let raw = raw_column(&name);
            let cell = if text {
                converted(column, raw, &[], &declared)
            } else {
                raw
            };
            Shown {
                cell,
                data_type: declared.clone(),
                clear: None,
            }
        } else {
            self.part(
                Place {
                    column,
                    at,
                    path: &[],
                    raw: &raw_column(&name),
                    data_type: &declared,
                },
                decided,
            )?
            .ok_or_else(|| self.unfit())?
        };
        Ok(VisibleColumn {
            // A masked or cell-limited column is nullable; no metadata either way.
            field: Arc::new(Field::new(&column.name, shown.data_type, nullable || !always)),
            cell: shown.cell,
            clear: (always && !text && !declared.is_nested()).then_some((name, declared)),
        })
    }

    /// A column or a field of one; `None`: nothing of it is visible.
    fn part(&mut self, place: Place<'_>, decided: &[Decided]) -> Result<Option<Shown>> {
        match (place.data_type, decided) {
            (_, [(path, access)]) if path.len() == place.path.len() => self.leaf(place, access),
            (DataType::Struct(members), _) => self.composed(place, members, decided),
            // The source has another shape than the catalog says.
            _ => Err(self.unfit()),
        }
    }

    fn composed(&mut self, place: Place<'_>, members: &Fields, decided: &[Decided]) -> Result<Option<Shown>> {
        let text = self.source.is_text_for(place.at);
        let (mut fields, mut cells, mut clear) = (Vec::new(), Vec::new(), lit(true));
        for member in members {
            let below: Vec<Decided> = decided
                .iter()
                .filter(|(path, _)| {
                    path.get(place.path.len())
                        .is_some_and(|name| name.to_lowercase() == member.name().to_lowercase())
                })
                .cloned()
                .collect();
            let path: Vec<String> = place.path.iter().chain([member.name()]).cloned().collect();
            let value = if text {
                place.raw.clone()
            } else {
                FilterFunction::Field(member.name().clone()).call(vec![place.raw.clone()])
            };
            let shown = if below.is_empty() {
                None
            } else {
                self.part(
                    Place {
                        path: &path,
                        raw: &value,
                        data_type: member.data_type(),
                        ..place
                    },
                    &below,
                )?
            };
            let Some(shown) = shown else {
                // A struct with a hidden field is never NULL as a whole: that would tell of the field.
                clear = lit(false);
                continue;
            };
            if let Some(condition) = shown.clear {
                clear = binary(clear, Operator::And, condition);
            }
            fields.push(Arc::new(Field::new(member.name(), shown.data_type, true)));
            cells.push(shown.cell);
        }
        if fields.is_empty() {
            return Ok(None);
        }
        let fields = Fields::from(fields);
        let raw = if text && !place.path.is_empty() {
            let (path, to) = (place.path.to_vec(), place.data_type.clone());
            CellFunction::TryDecode { path, to }.call(vec![place.raw.clone()])
        } else {
            place.raw.clone()
        };
        let arguments = [raw, clear.clone()].into_iter().chain(cells).collect();
        let cell = CellFunction::Struct(fields.clone()).call(arguments);
        Ok(Some(Shown {
            cell,
            data_type: DataType::Struct(fields),
            clear: Some(clear),
        }))
    }

    fn leaf(&mut self, place: Place<'_>, access: &ColumnAccess) -> Result<Option<Shown>> {
        if !access.is_visible() {
            return Ok(None);
        }
        let leaf = Leaf {
            text: self.source.is_text_for(place.at),
            place,
        };
        if let Some(shown) = self.leaf_of_both(&leaf, &access.id)? {
            return Ok(Some(shown));
        }
        Ok(Some(match &access.clear {
            Clear::Always => leaf.clear(),
            Clear::Never => Shown {
                cell: self.unclear(&leaf, &access.mask, &access.id)?,
                data_type: place.data_type.clone(),
                clear: Some(lit(false)),
            },
            Clear::Where(ids) => {
                let other = self.unclear(&leaf, &access.mask, &access.id)?;
                let (condition, _) = self.some(ids)?;
                leaf.shown_where(condition, other)
            }
        }))
    }

    /// What stands where a leaf is not clear: its mask, else NULL.
    pub(super) fn unclear(&mut self, leaf: &Leaf<'_>, choice: &MaskChoice, column: &str) -> Result<Expr> {
        let Place { at, raw, data_type, .. } = leaf.place;
        match choice {
            MaskChoice::Mask(id) => {
                // A masked column is a policy column: its bad values never come this far.
                self.policy_columns.insert(at);
                self.mask(id, leaf.typed(raw.clone()), data_type, column)
            }
            MaskChoice::None | MaskChoice::NullByTie => Ok(null(data_type)),
        }
    }

    fn mask(&self, id: &str, value: Expr, data_type: &DataType, column: &str) -> Result<Expr> {
        let stored = self
            .cx
            .snapshot
            .column_mask(&ObjectId::from_stored(id))
            .ok_or_else(|| self.unfit())?;
        let mask = column_mask::check(&stored.body.func, data_type).map_err(|problem| self.unfit().because(problem))?;
        if mask == column_mask::Mask::Null {
            // The value is not even read: that it cannot be decoded is nothing to see.
            return Ok(null(data_type));
        }
        let domain = column_mask::domain(&stored.body, column);
        let function = mask.function(self.cx, &domain).map_err(|missing| {
            tracing::error!(query = %self.cx.query, table = %self.grant.name(), %missing, "a keyed mask denies its statement");
            self.keyless()
        })?;
        Ok(function.call(value))
    }

    /// What the caller is told: that the operator has to act. Why is in the log.
    fn keyless(&self) -> QueryError {
        let name = self.grant.name();
        QueryError::new(
            ErrorCode::MaskKeyUnavailable,
            format!("table `{name}` cannot be read until this server has the key that masks its values"),
        )
    }
}

/// What a text holds at a path; nested values come as JSON.
fn converted(column: &Column, raw: Expr, path: &[String], data_type: &DataType) -> Expr {
    let (column, to) = (column.name.clone(), data_type.clone());
    let function = if path.is_empty() && !to.is_nested() {
        CellFunction::Convert { column, to }
    } else {
        CellFunction::Decode {
            column,
            path: path.to_vec(),
            to,
        }
    };
    function.call(vec![raw])
}

fn null(data_type: &DataType) -> Expr {
    Expr::Literal(ScalarValue::try_from(data_type).unwrap_or(ScalarValue::Null), None)
}
