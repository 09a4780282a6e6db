//! Is a writer told what is wrong, at its place, and is what stands one step inside a limit taken?

use super::*;

/// Body, and what its refusal says.
const TOLD: &[(&str, &str)] = &[
    ("id = 1 id", "expected the end of the filter, AND or OR, found `id`"),
    (
        "id",
        "expected a comparison, BETWEEN, IN, LIKE or IS, found the end of the filter",
    ),
    (
        "id NOT = 1",
        "expected a comparison, BETWEEN, IN, LIKE or IS, found `=`",
    ),
    (
        "id = )",
        "expected a column, a literal, a function or an attribute, found `)`",
    ),
    ("id IS 'x'", "expected NULL, TRUE or FALSE, found a text"),
    ("id IS 5", "found `5`"),
    ("id IS \"q\"", "found `\"q\"`"),
    (
        "id IS DISTINCT FROM 1",
        "IS DISTINCT FROM is not part of the filter language",
    ),
    (
        "id IS NOT DISTINCT FROM 1",
        "IS DISTINCT FROM is not part of the filter language",
    ),
    ("id BETWEEN 1 OR 2", "expected AND, found `or`"),
    ("region LIKE id", "expected a text in single quotes, found `id`"),
    (
        "region LIKE 'x' ESCAPE 'ab'",
        "the escape of LIKE must be one character",
    ),
    ("region LIKE 'x' ESCAPE ''", "the escape of LIKE must be one character"),
    (
        "region ILIKE 'x'",
        "pattern matching other than LIKE is not part of the filter language",
    ),
    ("region NOT SIMILAR TO 'x'", "pattern matching other than LIKE"),
    ("region RLIKE 'x'", "pattern matching other than LIKE"),
    ("region REGEXP 'x'", "pattern matching other than LIKE"),
    ("region GLOB 'x'", "pattern matching other than LIKE"),
    ("id IN (id)", "the list of IN holds literals only"),
    ("id IN (context.now)", "the list of IN holds literals only"),
    ("id IN 1", "expected `(`, found `1`"),
    ("id IN (1", "expected `)`, found the end of the filter"),
    ("(id = 1", "expected `)`, found the end of the filter"),
    ("region IN principal.name", "only tags of the principal are sets"),
    ("region IN principal.tag(regions)", "expected a text in single quotes"),
    ("region IN principal tag('x')", "expected `.`, found `tag`"),
    ("id = -region", "`-` stands before a number or between values"),
    ("id = (1)", "parentheses hold conditions, not values"),
    ("id = NULL", "NULL is not a value: use IS NULL"),
    ("context.'x' = 'a'", "the name of an attribute must follow `context.`"),
    ("principal.tag('x') = 'y'", "a tag is a set"),
    (
        "principal.now = 'y'",
        "`principal.now` is unknown; known are principal.id",
    ),
    ("context.id = 'y'", "`context.id` is unknown"),
    ("select = 1", "`select` is not part of the filter language here"),
    ("cast(id) = 1", "casts are not part of the filter language"),
    ("try_cast(id) = 1", "casts are not part of the filter language"),
    ("sin(id) = 1", "`sin` is not a function of the filter language"),
    ("lower(region, region) = 'x'", "`lower` does not take 2 arguments"),
    ("lower() = 'x'", "found `)`"),
    ("substr(region) = 'x'", "`substr` does not take 1 arguments"),
    ("substr(region, 1, 2, 3) = 'x'", "`substr` does not take 4 arguments"),
    ("addr. = 'x'", "the name of a field must follow `.`"),
    ("addr.'zip' = 'x'", "the name of a field must follow `.`"),
    ("id.zip = 'x'", "`id.zip` has no field `zip`"),
    ("addr.zap = 'x'", "field `addr.zap` does not exist"),
    ("addr = addr", "cannot be compared"),
    ("addr IN ('x')", "cannot be compared"),
    ("region = 'x' § 1", "`§` is not part of the filter language"),
    ("region = 'x", "a quote is not closed"),
    ("\"region = 'x'", "a quote is not closed"),
    ("id = 1e", "a number's exponent has no digits"),
    ("id = 1e+", "a number's exponent has no digits"),
    ("id = 1x", "a number is followed by letters"),
    ("id = 1_000", "a number is followed by letters"),
    (
        "region LIKE 'a!' ESCAPE '!'",
        "the pattern of LIKE ends with its escape character",
    ),
    ("id LIKE 'x'", "LIKE needs text, not Int64"),
    (
        "id IN principal.tag('regions')",
        "IN principal.tag needs text, not Int64",
    ),
    ("lower(id) = 'x'", "lower needs text, not Int64"),
    ("id = region", "Int64 is compared with Utf8"),
    ("id + region = 1", "Int64 is combined with Utf8"),
    ("day + day = day", "have no arithmetic here"),
    ("region = TRUE", "Utf8 is compared with Boolean"),
    ("id = 'x'", "a text is compared with the type Int64"),
    ("region = 1", "a number is compared with the type Utf8"),
    ("region = DATE '2020-01-01'", "a date is compared with the type Utf8"),
    (
        "region = TIMESTAMP '2020-01-01'",
        "a timestamp is compared with the type Utf8",
    ),
    ("id IN (TRUE)", "a boolean is compared with the type Int64"),
    ("id = principal.id", "the attribute is compared with the type Int64"),
    ("region = context.now", "the attribute is compared with the type Utf8"),
    ("year(region) = 1", "a date or timestamp is needed, not Utf8"),
    ("date_trunc('eon', ts) = ts", "date_trunc needs 'second'"),
    ("date_trunc(region, ts) = ts", "date_trunc needs 'second'"),
    ("day = '2020-13-01'", "`2020-13-01` is not a date yyyy-mm-dd"),
    ("ts = 'noon'", "`noon` is not a timestamp"),
    ("region IN (SELECT a FROM b.c)", "named in three parts"),
    ("region IN (SELECT a FROM b.c.d.e)", "named in three parts"),
    (
        "region IN (SELECT FROM b.c.d)",
        "expected a column of the mapping, found `from`",
    ),
    ("region IN (SELECT a b.c.d)", "expected FROM, found `b`"),
    (
        "region IN (SELECT a FROM 'b')",
        "expected the name of the mapping's table, found a text",
    ),
    (
        "region IN (SELECT a FROM b.c.5)",
        "expected the next part of the table's name, found `5`",
    ),
    ("NOT region IN (SELECT a FROM b.c.d)", "a mapping cannot be negated"),
    (
        "NOT (TRUE AND region IN (SELECT a FROM b.c.d))",
        "a mapping cannot be negated",
    ),
    ("region NOT IN (SELECT a FROM b.c.d)", "a mapping cannot be negated"),
    (
        "region IN (SELECT a FROM b.c.d WHERE a IN (SELECT a FROM b.c.d))",
        "the WHERE of a mapping holds no other mapping",
    ),
    (
        "region IN (SELECT a FROM b.c.d",
        "expected `)`, found the end of the filter",
    ),
];

#[test]
fn a_refusal_says_what_is_wrong() {
    let wrong: Vec<String> = TOLD
        .iter()
        .map(|(body, told)| (body, told, refused(body).message))
        .filter(|(_, told, message)| !message.contains(*told))
        .map(|(body, told, message)| format!("{body}: `{message}` instead of `{told}`"))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What no mapping is: a column that is called as its table's words are, and a list behind a NOT.
#[test]
fn words_are_names_where_they_mean_nothing_else() {
    let mut columns = columns();
    for name in ["date", "timestamp", "tag", "principal", "escape", "first"] {
        columns.push((name.to_owned(), DataType::Utf8));
    }
    for body in [
        "date = 'x'",
        "timestamp = 'x'",
        "tag = 'x' AND principal = 'y'",
        "escape LIKE 'a' AND first IS NOT NULL",
        "\"select\" = 1 OR TRUE",
        "region NOT IN ('a')",
        "NOT region IN ('a')",
    ] {
        let outcome = check(body, &columns);
        let unknown = body.contains("select");
        assert_eq!(outcome.is_err(), unknown, "{body}: {outcome:?}");
    }
}

/// The last that is inside of a limit, and the first that is not.
#[test]
fn limits_are_exact() {
    let nested = |depth: usize| format!("{}TRUE{}", "(".repeat(depth), ")".repeat(depth));
    // Each condition of a chain is a node and so is its constant; the chain itself is one.
    let chain = |parts: usize| vec!["TRUE"; parts].join(" OR ");
    let sum = |terms: usize| format!("id = {}", vec!["id"; terms].join(" + "));
    let path = |fields: usize| format!("addr{} = 'x'", ".zip".repeat(fields));
    let calls = |depth: usize| format!("{}region{} = 'x'", "lower(".repeat(depth), ")".repeat(depth));
    let list = |items: usize| format!("id IN ({})", vec!["1"; items].join(", "));
    let long = |bytes: usize| format!("region = '{}'", "x".repeat(bytes - "region = ''".len()));
    let limited =
        |body: &str| check(body, &columns()).is_err_and(|problems| problems[0].kind == FilterProblemKind::Limit);
    for (inside, outside) in [
        (nested(MAX_DEPTH), nested(MAX_DEPTH + 1)),
        (calls(MAX_DEPTH), calls(MAX_DEPTH + 1)),
        (sum(MAX_DEPTH + 1), sum(MAX_DEPTH + 2)),
        (path(MAX_DEPTH - 1), path(MAX_DEPTH)),
        (long(MAX_BYTES), long(MAX_BYTES + 1)),
        (chain(499), chain(500)),
        (list(499), list(500)),
    ] {
        assert!(!limited(&inside), "{}", &inside[..inside.len().min(99)]);
        assert!(limited(&outside), "{}", &outside[..outside.len().min(99)]);
    }
}
