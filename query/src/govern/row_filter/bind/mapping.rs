//! Do the names and types of a mapping fit its table, and its column what it is compared with?

use super::Binder;
use crate::govern::row_filter::{
    FilterProblem, FilterProblemKind, Mapping,
    syntax::{MappingQuery, Value},
    typed::{Typed, TypedTest, TypedValue, is_comparable, is_text},
};

impl Binder<'_> {
    pub(super) fn mapping(&mut self, left: &Value, query: &MappingQuery) -> Option<(TypedValue, TypedTest)> {
        let left = self.alone(left);
        let Some(columns) = (self.tables)(&query.table) else {
            let message = format!("the mapping's table `{}` does not exist", query.table.join("."));
            return self.problem(FilterProblemKind::UnknownMapping, query.table_offset, message);
        };
        let mut inner = Binder {
            columns: &columns,
            tables: self.tables,
            reads: Vec::new(),
            mappings: Vec::new(),
            problems: Vec::new(),
        };
        let column = inner.column(std::slice::from_ref(&query.column), query.column_offset);
        let condition = match &query.condition {
            Some(condition) => inner.condition(condition),
            None => Some(Typed::Constant(true)),
        };
        let (reads, problems) = (inner.reads, inner.problems);
        // Names of the mapping are not those of the table: no suggestion of one for the other.
        self.problems.extend(problems.into_iter().map(|problem| FilterProblem {
            message: format!("in the mapping: {}", problem.message),
            kind: match problem.kind {
                FilterProblemKind::UnknownColumn => FilterProblemKind::UnknownMapping,
                other => other,
            },
            ..problem
        }));
        let (left, column, condition) = (left?, column?, condition?);
        let alike = left.data_type == column.data_type || (is_text(&left.data_type) && is_text(&column.data_type));
        if !alike || !is_comparable(&left.data_type) {
            let message = format!("{} is looked up among {}", left.data_type, column.data_type);
            return self.refuse(query.column_offset, message);
        }
        let at = self.mappings.len();
        self.mappings.push(Mapping {
            table: query.table.clone(),
            column: query.column.clone(),
            condition,
            reads,
        });
        Some((left, TypedTest::InMapping(at)))
    }
}
