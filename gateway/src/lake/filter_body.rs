//! Does a filter have exactly one body, in SQL or in Cedar?

use super::{
    node::Node,
    problem::{Place, Problem},
};

/// What is wrong with the members `where` and `cedar` of a filter, if something is.
pub(super) fn one_body(name: &str, place: &Place, filter: &Node) -> Option<Problem> {
    match (filter.get("where"), filter.get("cedar")) {
        (None, None) => {
            let message = format!("filter `{name}` lacks `where`");
            let remedy = "add `where`: the condition that a visible row satisfies; or `cedar`, to write it in Cedar";
            Some(Problem::invalid(place, message, remedy))
        }
        (Some(_), Some(cedar)) => {
            let message = format!("filter `{name}` has both `where` and `cedar`");
            Some(Problem::invalid(&cedar.place, message, "keep one of the two"))
        }
        _ => None,
    }
}
