//! Which columns of a Parquet file count by the Julian calendar? Leaf by leaf, since moments of 96 bits are marked by themselves.

use std::collections::{BTreeMap, BTreeSet};

use parquet::{
    basic::{ConvertedType, LogicalType, Type},
    file::metadata::ParquetMetaData,
    schema::types::ColumnDescriptor,
};

use crate::files::julian::{Has, Marked, Marks};

/// The columns of a file that count so, by their names in lower case, and the numbers of their leaves.
#[derive(Debug, Default)]
pub(in crate::files) struct Calendars {
    pub(in crate::files) columns: Marked,
    pub(in crate::files) leaves: BTreeSet<usize>,
}

pub(in crate::files) fn calendars(metadata: &ParquetMetaData) -> Calendars {
    let words = metadata.file_metadata().key_value_metadata();
    let marks = Marks::new(|name| {
        let mut words = words.into_iter().flatten();
        words
            .find(|word| word.key == name)
            .map(|word| word.value.as_deref().unwrap_or_default())
    });
    if marks == Marks::default() {
        return Calendars::default();
    }
    let mut found: BTreeMap<String, Has> = BTreeMap::new();
    let mut leaves = BTreeSet::new();
    for (number, leaf) in metadata.file_metadata().schema_descr().columns().iter().enumerate() {
        let (Some(kind), Some(root)) = (kind(leaf), leaf.path().parts().first()) else {
            continue;
        };
        let has = found.entry(root.to_lowercase()).or_default();
        let marked = match kind {
            Kind::Day => marks.days,
            Kind::Moment => marks.moments,
            Kind::Int96 => marks.int96,
            Kind::Local => false,
        };
        if marked {
            has.marked = true;
            has.moments |= matches!(kind, Kind::Moment | Kind::Int96);
            leaves.insert(number);
        } else {
            has.others = true;
        }
    }
    let columns = found.into_iter().filter_map(|(name, has)| Some((name, marks.of(has)?)));
    Calendars {
        columns: columns.collect(),
        leaves,
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Day,
    Moment,
    Int96,
    /// A moment without a zone, which is always of the calendar of today.
    Local,
}

fn kind(leaf: &ColumnDescriptor) -> Option<Kind> {
    if leaf.physical_type() == Type::INT96 {
        return Some(Kind::Int96);
    }
    match (leaf.logical_type_ref(), leaf.converted_type()) {
        (Some(LogicalType::Date), _) | (None, ConvertedType::DATE) => Some(Kind::Day),
        (Some(LogicalType::Timestamp(moment)), _) if !moment.is_adjusted_to_u_t_c => Some(Kind::Local),
        (Some(LogicalType::Timestamp(_)), _)
        | (None, ConvertedType::TIMESTAMP_MILLIS | ConvertedType::TIMESTAMP_MICROS) => Some(Kind::Moment),
        _ => None,
    }
}
