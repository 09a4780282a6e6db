//! Which column does the key of a tag mean? A dotted path from a top-level column down to a leaf, and the bag of its type.

use arrow::datatypes::DataType;
use lakegate_catalog::name::quoted;
use lakegate_policy::{Bag, RowColumn};

use crate::type_name::type_text;

/// Deeper fields have no key.
const MAX_DEPTH: usize = 32;

/// Where a leaf lies.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    /// Position among the columns.
    pub(super) column: usize,
    /// Fields below it, as the type spells them.
    pub(super) fields: Vec<String>,
    pub(super) data_type: DataType,
}

/// Every column and field that a body may name.
pub(super) fn row_columns(columns: &[(String, DataType)]) -> Vec<RowColumn> {
    leaves(columns)
        .into_iter()
        .map(|(path, place)| RowColumn {
            path,
            bag: bag(&place.data_type),
            type_name: type_text(&place.data_type),
        })
        .collect()
}

/// The leaf with this path.
pub(super) fn place(columns: &[(String, DataType)], path: &str) -> Option<Place> {
    let mut alike = leaves(columns).into_iter().filter(|(known, _)| known == path);
    match (alike.next(), alike.next()) {
        (Some((_, place)), None) => Some(place),
        _ => None,
    }
}

/// The bag of a type; `None`: Cedar has nothing that holds every value of it.
pub(super) fn bag(data_type: &DataType) -> Option<Bag> {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(Bag::Text),
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32 => Some(Bag::Number),
        DataType::Decimal128(precision, scale) => {
            let whole = i16::from(*precision) - i16::from(*scale);
            ((0..=4).contains(scale) && whole <= 14).then_some(Bag::Decimal)
        }
        DataType::Boolean => Some(Bag::Boolean),
        DataType::Date32 | DataType::Timestamp(..) => Some(Bag::Moment),
        _ => None,
    }
}

fn leaves(columns: &[(String, DataType)]) -> Vec<(String, Place)> {
    let mut found = Vec::new();
    for (column, (name, data_type)) in columns.iter().enumerate() {
        let place = Place {
            column,
            fields: Vec::new(),
            data_type: data_type.clone(),
        };
        below(&quoted(name), place, &mut found);
    }
    found
}

fn below(path: &str, place: Place, found: &mut Vec<(String, Place)>) {
    if let DataType::Struct(members) = &place.data_type
        && place.fields.len() < MAX_DEPTH
    {
        for member in members {
            let mut fields = place.fields.clone();
            fields.push(member.name().clone());
            let inner = Place {
                column: place.column,
                fields,
                data_type: member.data_type().clone(),
            };
            below(
                &format!("{path}.{}", quoted(&member.name().to_lowercase())),
                inner,
                found,
            );
        }
    }
    found.push((path.to_owned(), place));
}
