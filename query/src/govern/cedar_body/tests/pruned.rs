//! How near does what sources and pruning get come to the body? The units on both sides of a moment, and nothing further out.

use super::*;

/// A body over one column of moments, with `~` for its value, and which of the rows it leaves to look at.
fn left(column: &str, condition: &str, rows: &[Row]) -> Vec<bool> {
    let read = format!("resource.t.getTag(\"{column}\")");
    let body = format!(
        "when {{ resource.t.hasTag(\"{column}\") && {} }}",
        condition.replace('~', &read)
    );
    let condition = parse(&body, &columns()).unwrap_or_else(|problems| panic!("{body}: {problems:?}"));
    let bound = World::default().bind(&condition);
    outcome(&bound, rows);
    let pushed = superset(&bound, &columns(), &|name| Some(ColumnRef::of(name)));
    let left = pushed.evaluate(&rows::batch(rows)).unwrap();
    (0..rows.len()).map(|row| left.value(row)).collect()
}

type Rows = fn(i64) -> Row;

#[test]
fn a_moment_is_its_unit_and_no_more() {
    let cases: [(&str, Rows, [i64; 4], &str); 4] = [
        (
            "micro",
            |value| Row {
                micro: Some(value),
                ..Row::default()
            },
            [4_999, 5_000, 5_999, 6_000],
            "1970-01-01T00:00:00.005Z",
        ),
        (
            "nano",
            |value| Row {
                nano: Some(value),
                ..Row::default()
            },
            [4_999_999, 5_000_000, 5_999_999, 6_000_000],
            "1970-01-01T00:00:00.005Z",
        ),
        (
            "sec",
            |value| Row {
                sec: Some(value),
                ..Row::default()
            },
            [4, 5, 5, 6],
            "1970-01-01T00:00:05.005Z",
        ),
        (
            "day",
            |value| Row {
                day: i32::try_from(value).ok(),
                ..Row::default()
            },
            [4, 5, 5, 6],
            "1970-01-06T12:00:00.000Z",
        ),
    ];
    let (below, above) = ([true, true, true, false], [false, true, true, true]);
    let (within, all) = ([false, true, true, false], [true; 4]);
    for (column, row, values, moment) in cases {
        let rows = values.map(row);
        for (condition, expected) in [
            ("~ < M", below),
            ("~ <= M", below),
            ("!(~ > M)", below),
            ("!(~ >= M)", below),
            ("M > ~", below),
            ("M >= ~", below),
            ("~ > M", above),
            ("~ >= M", above),
            ("!(~ < M)", above),
            ("!(~ <= M)", above),
            ("M < ~", above),
            ("M <= ~", above),
            ("~ == M", within),
            ("!(~ != M)", within),
            ("~ != M", all),
            ("!(~ == M)", all),
        ] {
            let condition = condition.replace('M', &format!("datetime(\"{moment}\")"));
            assert_eq!(left(column, &condition, &rows), expected, "{column} {condition}");
        }
    }
}

/// A constant that the type of the column holds is asked for as it is.
#[test]
fn an_exact_constant_is_an_exact_condition() {
    let rows = [4, 5, 6].map(|value| Row {
        milli: Some(value),
        ..Row::default()
    });
    for (condition, expected) in [
        ("~ < M", [true, false, false]),
        ("~ <= M", [true, true, false]),
        ("~ > M", [false, false, true]),
        ("~ >= M", [false, true, true]),
        ("~ == M", [false, true, false]),
        ("~ != M", [true, false, true]),
        ("!(~ < M)", [false, true, true]),
        ("!(~ <= M)", [false, false, true]),
        ("!(~ > M)", [true, true, false]),
        ("!(~ >= M)", [true, false, false]),
        ("!(~ == M)", [true, false, true]),
        ("!(~ != M)", [false, true, false]),
        ("M < ~", [false, false, true]),
    ] {
        let condition = condition.replace('M', "datetime(\"1970-01-01T00:00:00.005Z\")");
        assert_eq!(left("milli", &condition, &rows), expected, "{condition}");
    }
}

/// What no unit of the column holds is left to the rows.
#[test]
fn a_moment_beyond_the_type_prunes_nothing() {
    let rows = [Row {
        nano: Some(0),
        ..Row::default()
    }];
    assert_eq!(left("nano", "~ < datetime(\"9999-01-01\")", &rows), [true]);
    let rows = [Row {
        micro: Some(0),
        ..Row::default()
    }];
    assert_eq!(left("micro", "~ > datetime(\"1970-01-02\")", &rows), [false]);
}

/// A constant of every type is asked of a source in the type of the column.
#[test]
fn constants_have_the_type_of_their_column() {
    for (bag, column, value, expected) in [
        ("s", "txt", "\"DE\"", [true, false]),
        ("s", "view", "\"a*b\"", [true, false]),
        ("n", "num", "9223372036854775807", [true, false]),
        ("n", "small", "-7", [true, false]),
        ("n", "byte", "200", [true, false]),
        ("d", "price", "decimal(\"123.45\")", [true, false]),
        ("d", "wide", "decimal(\"0.0015\")", [true, false]),
        ("b", "flag", "false", [true, false]),
        ("s", "txt", "\"FR\"", [false, false]),
        ("s", "view", "\"FR\"", [false, false]),
        ("n", "num", "0", [false, false]),
        ("n", "small", "0", [false, false]),
        ("n", "byte", "0", [false, false]),
        ("d", "price", "decimal(\"0.0\")", [false, false]),
        ("d", "wide", "decimal(\"0.0\")", [false, false]),
        ("b", "flag", "true", [false, false]),
    ] {
        let read = format!("resource.{bag}.getTag(\"{column}\")");
        let body = format!("when {{ resource.{bag}.hasTag(\"{column}\") && {read} == {value} }}");
        let condition = parse(&body, &columns()).unwrap_or_else(|problems| panic!("{body}: {problems:?}"));
        let bound = World::default().bind(&condition);
        let pushed = superset(&bound, &columns(), &|name| Some(ColumnRef::of(name)));
        let left = pushed.evaluate(&rows::batch(&two())).unwrap();
        assert_eq!([left.value(0), left.value(1)], expected, "{body}: {pushed:?}");
    }
}
