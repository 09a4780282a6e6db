//! How is what the engine says about a statement told in the statement's words? Without the engine's types, trees and columns.

/// Beginnings of what the engine says, or parts of it, and what is told instead.
const TOLD: &[(&str, &str)] = &[
    (
        "rojections require unique expression names",
        "a select list has one column twice; give one of them another name with AS, or leave it out beside `*`",
    ),
    (
        "HAVING clause references",
        "HAVING refers to what stands neither in GROUP BY nor in an aggregate function",
    ),
    (
        "logical expression WindowFunction(",
        "a window function cannot stand here; compute it in a subquery",
    ),
    (
        "logical expression OuterReferenceColumn(",
        "a reference to another table of FROM, or to an outer query, is not supported here; write it as a join",
    ),
    (
        "logical expression ",
        "a subquery of this form is not supported here; write it as a join",
    ),
    ("dot access not supported", "a field of a row is written `row['field']`"),
    (
        "nvalid digit found in string",
        "a position in ORDER BY or GROUP BY is a whole number",
    ),
];

/// The text without what only the engine's makers know.
pub(super) fn plain(text: &str) -> String {
    if let Some((_, told)) = TOLD.iter().find(|(sign, _)| text.contains(sign)) {
        return (*told).to_owned();
    }
    if text.contains("failed to match any signature") {
        let name = text.split('\'').nth(1).unwrap_or_default();
        return format!("function `{name}` does not take arguments of these types; cast them");
    }
    if text.contains("must appear in the GROUP BY clause") {
        let column = text.split('"').nth(1).unwrap_or_default();
        return format!("column `{column}` must stand in GROUP BY or in an aggregate function");
    }
    without_trees(text)
}

/// Cuts a printed syntax tree, such as `Substring { expr: Identifier(…) }`, off the end.
fn without_trees(text: &str) -> String {
    let Some((head, _)) = text.split_once(" { ") else {
        return text.to_owned();
    };
    let head = head.rsplit_once(' ').map_or("", |(head, _)| head);
    let head = head.trim_end_matches([' ', ':', ',']);
    if head.is_empty() {
        return "this form is not supported".to_owned();
    }
    head.to_owned()
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn trees_and_types_of_the_engine_are_not_told() {
        for (said, told) in [
            (
                "substring without for/from is not valid Substring { expr: Identifier(Ident { value: \"s\" }) }",
                "substring without for/from is not valid",
            ),
            (
                "Physical plan does not support logical expression OuterReferenceColumn(Field { name: \"a\" })",
                "a reference to another table of FROM, or to an outer query, is not supported here; write it as a join",
            ),
            (
                "internal error: Function 'avg' failed to match any signature, errors: Error during planning",
                "function `avg` does not take arguments of these types; cast them",
            ),
            (
                "column in SELECT must be in GROUP BY or an aggregate function: While expanding wildcard, column \"m.id\" must \
                 appear in the GROUP BY clause or must be part of an aggregate function",
                "column `m.id` must stand in GROUP BY or in an aggregate function",
            ),
            (
                "LIMIT must be >= 0, '-1' was provided",
                "LIMIT must be >= 0, '-1' was provided",
            ),
        ] {
            assert_eq!(plain(said), told);
        }
    }
}
