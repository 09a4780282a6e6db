//! What are columns of one name called where a format needs distinct ones? `id`, `id_1`, `id_2`.

use std::{collections::HashSet, sync::Arc};

use arrow::datatypes::{Field, Schema, SchemaRef};

/// A name for each column; the first of its name keeps it.
pub(super) fn distinct_names(schema: &Schema) -> Vec<String> {
    let mut free: HashSet<&String> = schema.fields().iter().map(|field| field.name()).collect();
    let mut given: HashSet<String> = free.iter().copied().cloned().collect();
    let mut names = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let name = field.name();
        if free.remove(name) {
            names.push(name.clone());
            continue;
        }
        let numbered = (1_usize..).map(|number| format!("{name}_{number}"));
        names.extend(numbered.skip_while(|name| given.contains(name)).take(1));
        given.extend(names.last().cloned());
    }
    names
}

/// The schema under distinct names.
pub(super) fn distinct_schema(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().zip(distinct_names(schema));
    let fields: Vec<Field> = fields
        .map(|(field, name)| Field::clone(field).with_name(name))
        .collect();
    Arc::new(Schema::new(fields))
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::DataType;

    use super::*;

    #[test]
    fn the_first_keeps_its_name_and_no_name_is_given_twice() {
        let fields = ["id", "id", "id_1", "a", "id"].map(|name| Field::new(name, DataType::Int64, true));
        let names = distinct_names(&Schema::new(Vec::from(fields)));
        assert_eq!(names, ["id", "id_2", "id_1", "a", "id_3"]);
    }
}
