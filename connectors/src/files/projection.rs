//! Which partitions does a table have whose catalog only says by which rule? They are counted out when they are read, pruned by
//! the conditions on their columns (Athena user guide, "Partition projection").

mod count;
mod pattern;
mod rule;

use std::collections::BTreeMap;

use arrow::datatypes::{DataType, FieldRef};
use serde_json::Value;

pub use count::{INJECTED, project};
use rule::Rule;

use super::{
    location::resolve_location,
    partition::declared_values,
    table::{FileTable, PartitionSource},
};
use crate::error::{ConnectorError, ConnectorErrorKind, Result};

/// Options of a table that belong here.
const PREFIX: &str = "projection.";
const ENABLED: &str = "projection.enabled";
const TEMPLATE: &str = "storage.location.template";

/// The rules of a table's partition columns.
#[derive(Clone, Debug)]
pub struct Projection {
    rules: Vec<Rule>,
    /// Of the folders below the table's.
    template: Option<String>,
}

/// An option that is missing or wrong, and why.
pub type PropertyProblem = (String, String);

/// Is the option about partitions, not about the format?
#[must_use]
pub fn is_projection_option(name: &str) -> bool {
    name.starts_with(PREFIX) || name == TEMPLATE
}

/// Does a table have partitions that only statements can name?
#[must_use]
pub fn is_chosen_by_statements(table: &FileTable) -> bool {
    let PartitionSource::Projected(projection) = &table.partitions else {
        return false;
    };
    projection.rules.iter().any(|rule| matches!(rule, Rule::Injected))
}

impl Projection {
    /// From the properties of a table, as Athena has them: `projection.COLUMN.type` and so on, `storage.location.template`.
    /// `columns`: the partition columns, in lower case.
    ///
    /// # Errors
    /// Each property that is missing or wrong, and why.
    pub fn parse(columns: &[FieldRef], options: &BTreeMap<String, Value>) -> Result<Self, Vec<PropertyProblem>> {
        let mut problems = unknown(columns, options);
        let mut rules = Vec::new();
        for column in columns {
            match Rule::parse(column.name(), options).and_then(|rule| fits(column, rule)) {
                Ok(rule) => rules.push(rule),
                Err(problem) => problems.push(problem),
            }
        }
        let template = options
            .get(TEMPLATE)
            .map(|template| template.as_str().unwrap_or_default().to_owned());
        if let Some(template) = &template {
            let lacking = columns
                .iter()
                .map(|column| placeholder(column.name()))
                .find(|place| !template.contains(place));
            problems.extend(lacking.map(|place| (TEMPLATE.to_owned(), format!("it lacks `{place}`"))));
            problems.extend(shared_folder(template).map(|folder| {
                let why = format!("`{folder}` has two columns in one folder, whose name would stand for several values: put `/` between them");
                (TEMPLATE.to_owned(), why)
            }));
        }
        if problems.is_empty() {
            Ok(Self { rules, template })
        } else {
            Err(problems)
        }
    }

    /// Would a folder begin with `_` or `.`? What writers keep there is no row yet, as everywhere.
    fn is_hidden(&self, table: &FileTable, names: &[&str]) -> bool {
        let Some(template) = &self.template else { return false };
        let mut columns = table.partition_columns.iter().zip(names);
        columns.any(|(column, name)| {
            let place = placeholder(column.name());
            name.starts_with(['_', '.']) && template.split('/').any(|folder| folder.starts_with(&place))
        })
    }

    /// Where the partition lies whose folders are called so: below its table.
    fn location(&self, table: &FileTable, names: &[&str]) -> Result<String> {
        let columns = table.partition_columns.iter().zip(names);
        let folders = match &self.template {
            Some(template) => filled(
                template,
                &columns.map(|(column, name)| (column.name().as_str(), *name)).collect(),
            ),
            None => {
                let folders: Vec<String> = columns
                    .map(|(column, name)| format!("{}={name}", column.name()))
                    .collect();
                folders.join("/")
            }
        };
        let location = resolve_location(&table.connection, Some(&table.location), &folders)?;
        // INVARIANT: whoever may read the table may read what lies below it, and nothing else.
        let root = format!("{}/", table.location.trim_end_matches('/'));
        if !location.starts_with(&root) {
            let kind = ConnectorErrorKind::AccessDenied;
            return Err(ConnectorError::new(
                kind,
                "the template of a table leads outside of its location",
            ));
        }
        Ok(location)
    }
}

/// Options that are about no partition column, or turn off what the table says.
fn unknown(columns: &[FieldRef], options: &BTreeMap<String, Value>) -> Vec<PropertyProblem> {
    let known = |name: &str| {
        let column = name.strip_prefix(PREFIX).and_then(|rest| {
            rest.rsplit_once('.')
                .map(|(column, _)| column.trim_end_matches(".interval"))
        });
        column.is_some_and(|column| columns.iter().any(|known| known.name() == column))
    };
    let mut problems = Vec::new();
    for (name, value) in options.iter().filter(|(name, _)| is_projection_option(name)) {
        if name == ENABLED {
            let on =
                value.as_bool() == Some(true) || value.as_str().is_some_and(|word| word.eq_ignore_ascii_case("true"));
            problems.extend((!on).then(|| (name.clone(), "the table says `partitions: projection`".to_owned())));
        } else if name != TEMPLATE && !known(name) {
            problems.push((name.clone(), "it is about no partition column of the table".to_owned()));
        }
    }
    problems
}

/// The rule, if its values can be values of the column.
fn fits(column: &FieldRef, rule: Rule) -> Result<Rule, PropertyProblem> {
    let key = |property: &str| format!("{PREFIX}{}.{property}", column.name());
    let is_text = matches!(
        column.data_type(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
    );
    let is_moment = matches!(
        column.data_type(),
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(_, None)
    );
    match &rule {
        Rule::Injected if !is_text => Err((key("type"), "a column of type `injected` is `varchar`".to_owned())),
        Rule::Date { .. } if !is_text && !is_moment => Err((
            key("type"),
            "a column of type `date` is `varchar`, `date` or `timestamp`".to_owned(),
        )),
        Rule::Integer { .. } if !is_text && !column.data_type().is_integer() => Err((
            key("type"),
            "a column of type `integer` is an integer or `varchar`".to_owned(),
        )),
        Rule::Enum(values) if values.iter().any(String::is_empty) => Err((
            key("values"),
            "one of the values is empty, and would be no folder".to_owned(),
        )),
        Rule::Enum(values) => {
            let wrong = values
                .iter()
                .find(|value| declared_values(std::slice::from_ref(column), &[Some((*value).clone())]).is_err());
            wrong.map_or(Ok(()), |value| {
                Err((key("values"), format!("`{value}` is no value of the column's type")))
            })?;
            Ok(rule)
        }
        _ => Ok(rule),
    }
}

/// INVARIANT: a folder stands for one value of each column, or a policy would judge another value than the one that it is read by.
fn shared_folder(template: &str) -> Option<&str> {
    template.split('/').find(|folder| folder.matches("${").count() > 1)
}

fn placeholder(column: &str) -> String {
    format!("${{{column}}}")
}

/// The template with its places filled, none of which is looked at again.
fn filled(template: &str, values: &BTreeMap<&str, &str>) -> String {
    let mut path = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("${") {
        path.push_str(before);
        match after
            .split_once('}')
            .and_then(|(column, after)| Some((values.get(column)?, after)))
        {
            Some((value, after)) => {
                path.push_str(value);
                rest = after;
            }
            None => {
                path.push_str("${");
                rest = after;
            }
        }
    }
    path.push_str(rest);
    path
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::Field;

    use super::*;

    fn parsed(columns: &[(&str, DataType)], options: &[(&str, &str)]) -> Result<Projection, Vec<PropertyProblem>> {
        let fields: Vec<FieldRef> = columns
            .iter()
            .map(|(name, data_type)| Arc::new(Field::new(*name, data_type.clone(), true)) as FieldRef)
            .collect();
        let options = options
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Value::from(*value)));
        Projection::parse(&fields, &options.collect())
    }

    #[test]
    fn bad_properties_are_named() {
        let enumerated = [("projection.c.type", "enum"), ("projection.c.values", "1,x")];
        let injected = [("projection.c.type", "injected")];
        let with = |more: (&'static str, &'static str)| [injected.as_slice(), &[more]].concat();
        for (column, options, name) in [
            (DataType::Int64, enumerated.to_vec(), "projection.c.values"),
            (DataType::Int64, injected.to_vec(), "projection.c.type"),
            (
                DataType::Boolean,
                vec![("projection.c.type", "integer"), ("projection.c.range", "0,1")],
                "projection.c.type",
            ),
            (DataType::Utf8, vec![], "projection.c.type"),
            (DataType::Utf8, with(("projection.d.type", "enum")), "projection.d.type"),
            (
                DataType::Utf8,
                with(("projection.enabled", "false")),
                "projection.enabled",
            ),
            (
                DataType::Utf8,
                with(("storage.location.template", "a/b/")),
                "storage.location.template",
            ),
        ] {
            let problems = parsed(&[("c", column)], &options).expect_err(name);
            let names: Vec<&str> = problems.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, [name]);
        }
        let sound = [("projection.enabled", "TRUE"), ("storage.location.template", "a/${c}/")];
        assert!(parsed(&[("c", DataType::Utf8)], &[injected.as_slice(), &sound].concat()).is_ok());
    }

    #[test]
    fn a_filled_place_is_not_filled_again() {
        let values = BTreeMap::from([("a", "${b}"), ("b", "x")]);
        assert_eq!(filled("t/${a}/${b}/${c}/", &values), "t/${b}/x/${c}/");
    }
}
