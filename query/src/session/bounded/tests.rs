//! Are functions that grow refused before they run, and others left alone?

use datafusion::{
    arrow::util::pretty::pretty_format_batches,
    execution::{SessionStateBuilder, context::SessionContext},
    logical_expr::ScalarUDFImpl,
};

use super::*;
use crate::session::functions::register;

fn context() -> SessionContext {
    SessionContext::new_with_state(register(SessionStateBuilder::new()).build())
}

async fn run(sql: &str) -> std::result::Result<Vec<String>, String> {
    let frame = context().sql(sql).await.map_err(|error| error.to_string())?;
    let batches = frame.collect().await.map_err(|error| error.to_string())?;
    let rows = pretty_format_batches(&batches).unwrap();
    Ok(rows.to_string().lines().map(str::to_owned).collect())
}

#[tokio::test]
async fn a_result_that_is_too_large_is_refused_before_it_is_made() {
    for expression in [
        "repeat('x', 2000000000)",
        "lpad('x', 2000000000, 'y')",
        "rpad('x', 2000000000)",
        "replace(repeat('x', 100000), 'x', repeat('y', 100000))",
        "regexp_replace(repeat('x', 100000), 'x', repeat('y', 100000), 'g')",
        "array_repeat(1, 2000000000)",
        "array_resize([1], 2000000000, 0)",
        "array_to_string(array_repeat('x', 100000), repeat('y', 100000))",
        "range(1, 2000000000)",
        "generate_series(2000000000, 1, -1)",
        "range(timestamp '2000-01-01', timestamp '2100-01-01', interval '1 millisecond')",
    ] {
        for sql in [
            format!("SELECT {expression}"),
            format!("SELECT {expression} FROM (VALUES (1), (2)) t(c) WHERE c > 1"),
        ] {
            let error = run(&sql).await.expect_err(&sql);
            assert!(error.contains("more than 128 MiB"), "{sql}: {error}");
        }
    }
}

/// As unsigned numbers, the sum of their lengths would be more memory than there is.
#[tokio::test]
async fn what_is_padded_to_less_than_nothing_is_empty() {
    for function in ["lpad", "rpad"] {
        let lengths = "(VALUES (-3), (-2147483648), (NULL), (2)) t(n)";
        for fill in ["", ", 'y'", ", f"] {
            let sql = format!("SELECT max(length({function}(s, n{fill}))) FROM {lengths}, (VALUES ('x', 'y')) u(s, f)");
            let rows = run(&sql).await.unwrap();
            assert!(rows[3].contains('2'), "{sql}: {rows:?}");
        }
    }
}

#[tokio::test]
async fn the_sum_over_a_batch_counts() {
    let error = run("SELECT repeat(s, 1000000) FROM (SELECT 'abc' || value s FROM generate_series(1, 1000))").await;
    assert!(error.unwrap_err().contains("function `repeat`"));
}

/// A lone value is as wide as its type: what the array around it holds is not repeated.
#[tokio::test]
async fn a_value_is_as_wide_as_its_type() {
    for expression in ["array_repeat(1, 2000000)", "array_repeat(CAST(1 AS double), 2000000)"] {
        let rows = run(&format!("SELECT array_length({expression})")).await.unwrap();
        assert!(rows[3].contains("2000000"), "{rows:?}");
    }
}

#[tokio::test]
async fn ordinary_calls_are_as_before() {
    let rows = run("SELECT repeat('ab', 2), lpad('a', 3, 'x'), replace('aa', 'a', 'bc'), regexp_replace('a1b2', '[0-9]', '-', 'g'), \
                    array_repeat('z', 2), range(1, 4), array_to_string([1, 2], '+'), repeat(NULL, 3), list_repeat(1, 2)")
    .await
    .unwrap();
    let cells: Vec<&str> = rows[3].split('|').map(str::trim).collect();
    assert_eq!(
        cells[1..10],
        [
            "abab",
            "xxa",
            "bcbc",
            "a-b-",
            "[z, z]",
            "[1, 2, 3]",
            "1+2",
            "",
            "[1, 1]"
        ]
    );
}

/// An estimate above the limit, a result below it: the rows are made a few at a time.
#[tokio::test]
async fn a_high_estimate_alone_refuses_nothing() {
    let rows = run(
        "SELECT sum(length(regexp_replace(s, 'q', repeat('y', 2000), 'g'))), count(*) \
                    FROM (SELECT repeat('x', 1000) s FROM generate_series(1, 1000))",
    )
    .await
    .unwrap();
    assert!(rows[3].contains("1000000") && rows[3].contains("1000 "), "{rows:?}");
}

#[test]
fn every_growing_function_exists() {
    let state = register(SessionStateBuilder::new()).build();
    for (name, growth) in GROWING {
        let function = state.scalar_functions().get(*name).unwrap_or_else(|| panic!("{name}"));
        let found = (function.inner().as_ref() as &dyn std::any::Any).downcast_ref::<Bounded>();
        assert!(
            found.is_some_and(|bounded| bounded.growth == *growth && bounded.name() == *name),
            "{name}"
        );
    }
}
