//! Are the rules right by which partitions are counted out? Each property that is missing or wrong is told by its name.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use lakegate_catalog::relation::{PartitionMode, Table};
use lakegate_connectors::files::{Projection, is_projection_option};
use lakegate_query::type_name::parse_type;

use crate::lake::{
    draft::Draft,
    model::{Entry, TableEntry},
};

/// Checks the options of a table that are about partitions.
pub(super) fn options(draft: &mut Draft, entry: &Entry<TableEntry>, table: &Table) {
    if table.partitions != PartitionMode::Projection {
        for name in table.options.keys().filter(|name| is_projection_option(name)) {
            let message = format!("option `{name}` is about partitions that are counted out, and the table has none");
            draft.invalid(
                entry.at(&["options", name]),
                message,
                "add `partitions: projection`, or remove the option",
            );
        }
        return;
    }
    let columns: Vec<FieldRef> = table
        .columns
        .iter()
        .filter(|column| column.partition)
        .map(|column| {
            let data_type = parse_type(&column.data_type).unwrap_or(DataType::Utf8);
            Arc::new(Field::new(column.name.to_lowercase(), data_type, true))
        })
        .collect();
    for (name, why) in Projection::parse(&columns, &table.options).err().into_iter().flatten() {
        let message = format!("option `{name}` of table `{}`: {why}", entry.name);
        let remedy = "see partition projection in the description of lakes for the properties of each type";
        draft.invalid(entry.at(&["options", &name]), message, remedy);
    }
}
