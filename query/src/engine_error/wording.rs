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
        "ested identifiers are not yet supported for OuterReferenceColumn",
        "a field of a row of an outer query, or of another table of FROM, is written `row['field']`",
    ),
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
    if let Some(told) = wrong_call(text) {
        return told;
    }
    if text.contains("must appear in the GROUP BY clause") {
        let column = text.split('"').nth(1).unwrap_or_default();
        return format!("column `{column}` must stand in GROUP BY or in an aggregate function");
    }
    without_trees(text)
}

/// What the engine says of a call whose arguments are too few, too many or of types that the function does not take. It says
/// it in errors of several kinds, that of its own mistakes among them.
const WRONG_CALL: &[&str] = &[
    "failed to match any signature",
    "ailed to coerce arguments to satisfy a call",
    "user-defined coercion failed",
    "does not support zero arguments",
    "navailable default cast for native type",
    " but received ",
    "does not support type",
    " is not comparable",
    "are not coercible",
    "o function matches the given name",
];

/// Whether the error says that a function is called wrongly.
pub(super) fn is_wrong_call(text: &str) -> bool {
    WRONG_CALL.iter().any(|sign| text.contains(sign))
}

/// Which function it is: the first thing in quotes. The engine's signatures are left out.
fn wrong_call(text: &str) -> Option<String> {
    let line = text.lines().next().unwrap_or_default();
    let named = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let name = line
        .split('\'')
        .nth(1)
        .or_else(|| line.split(" does not support type").next())
        .map(|name| name.rsplit(' ').next().unwrap_or(name))
        .filter(|name| named(name));
    let function = name.map_or_else(|| "a function".to_owned(), |name| format!("function `{name}`"));
    is_wrong_call(text).then(|| {
        format!("{function} does not take arguments of this number and these types; add, leave out or cast some")
    })
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
                "function `avg` does not take arguments of this number and these types; add, leave out or cast some",
            ),
            (
                "acosh does not support type Utf8. No function matches the given name and argument types",
                "function `acosh` does not take arguments of this number and these types; add, leave out or cast some",
            ),
            (
                "Unavailable default cast for native type String from physical type Struct(\"a\": Int64).\nThis is a bug",
                "a function does not take arguments of this number and these types; add, leave out or cast some",
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
