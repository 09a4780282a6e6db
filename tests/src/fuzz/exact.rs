//! Which questions would plain DataFusion answer wrongly? They are asked of it in other words than of the gateway: USING as ON,
//! arithmetic in wider numbers, the extremes of floats by sorting.

use rand::{Rng, rngs::StdRng};

use super::{
    cell::Type,
    data::{Column, Table},
    question::{Question, alike, pick, where_clause},
};

/// A question in two wordings.
pub fn random(rng: &mut StdRng, tables: &[&Table]) -> Question {
    let table = tables[rng.random_range(0..tables.len())];
    match rng.random_range(0..4) {
        0 => arithmetic(rng, table),
        1 => extremes(rng, table),
        _ => shared(rng, tables),
    }
}

fn numbers(table: &Table) -> Vec<Column> {
    let number = |column: &&Column| matches!(column.data_type, Type::Int | Type::Bigint);
    table.columns.iter().filter(number).cloned().collect()
}

/// `+ - *` and minus, near the limits of their types.
fn arithmetic(rng: &mut StdRng, table: &Table) -> Question {
    let columns = numbers(table);
    if columns.is_empty() {
        return Question::plain("SELECT 9223372036854775806 + 1 AS e".to_owned());
    }
    let (one, two) = (pick(rng, &columns), pick(rng, &columns));
    let wide = |name: &str| format!("CAST({name} AS decimal(19,0))");
    let (asked, exact) = match rng.random_range(0..3) {
        0 => (format!("-{}", one.name), format!("-{}", wide(&one.name))),
        1 => {
            let number = [2, 3, i64::from(i32::MAX), i64::MAX][rng.random_range(0..4)];
            let sign = ['+', '-', '*'][rng.random_range(0..3)];
            (
                format!("CAST({} AS bigint) {sign} {number}", one.name),
                format!("{} {sign} {}", wide(&one.name), wide(&number.to_string())),
            )
        }
        _ => {
            let sign = ['+', '-', '*'][rng.random_range(0..3)];
            (
                format!("{} {sign} {}", one.name, two.name),
                format!("{} {sign} {}", wide(&one.name), wide(&two.name)),
            )
        }
    };
    let narrow = asked.starts_with("CAST") || [one, two].iter().any(|column| column.data_type == Type::Bigint);
    let negated = asked.starts_with('-');
    let kind = match (negated, one.data_type) {
        (true, Type::Int) => "int",
        _ if narrow => "bigint",
        _ => "int",
    };
    let filter = where_clause(rng, &table.columns);
    let sql = |expression: &str| format!("SELECT {expression} AS e FROM {}{filter}", table.name);
    Question {
        sql: sql(&asked),
        ordered: false,
        copy: Some(sql(&format!("CAST({exact} AS {kind})"))),
        overflows: true,
    }
}

/// The largest and smallest floats of groups, NaN among them.
fn extremes(rng: &mut StdRng, table: &Table) -> Question {
    let floats: Vec<&Column> = table
        .columns
        .iter()
        .filter(|column| column.data_type == Type::Double)
        .collect();
    let Some(float) = floats.first() else {
        return Question::plain(format!("SELECT count(*) AS n FROM {}", table.name));
    };
    let (key, name) = (&pick(rng, &table.columns).name, &float.name);
    let filter = where_clause(rng, &table.columns);
    let sql = |smallest: &str, largest: &str| {
        format!(
            "SELECT {key} AS k, {smallest} AS a, {largest} AS b FROM {}{filter} GROUP BY {key}",
            table.name
        )
    };
    Question {
        sql: sql(&format!("min({name})"), &format!("max({name})")),
        ordered: false,
        copy: Some(sql(
            &format!("first_value({name} ORDER BY {name}) FILTER (WHERE {name} IS NOT NULL)"),
            &format!("last_value({name} ORDER BY {name}) FILTER (WHERE {name} IS NOT NULL)"),
        )),
        overflows: false,
    }
}

/// Joins by USING and NATURAL of two tables whose first columns are `k` and their names apart.
fn shared(rng: &mut StdRng, tables: &[&Table]) -> Question {
    let (left, right) = (
        tables[rng.random_range(0..tables.len())],
        tables[rng.random_range(0..tables.len())],
    );
    let Some((one, two)) = alike(rng, &left.columns, &right.columns) else {
        return Question::plain(format!("SELECT count(*) AS n FROM {}", left.name));
    };
    let (kind, merged) = [
        ("JOIN", "a.k"),
        ("LEFT JOIN", "a.k"),
        ("RIGHT JOIN", "b.k"),
        ("FULL JOIN", "coalesce(a.k, b.k)"),
    ][rng.random_range(0..4)];
    let (x, y) = (pick(rng, &left.columns), pick(rng, &right.columns));
    let source = |table: &Table, key: &Column, other: &Column, name: &str| {
        format!(
            "(SELECT {} AS k, {} AS {name} FROM {})",
            key.name, other.name, table.name
        )
    };
    let (first, second) = (source(left, one, x, "x"), source(right, two, y, "y"));
    let column = |name: &str, data_type: Type| Column {
        name: name.to_owned(),
        data_type,
    };
    let all = [
        column("k", one.data_type),
        column("x", x.data_type),
        column("y", y.data_type),
    ];
    let filter = where_clause(rng, &all);
    let apart: String = filter
        .split_inclusive([' ', '(', ')', ',', '+', '-', '*'])
        .map(|word| match word.strip_prefix('k') {
            Some(rest) if rest.is_empty() || rest.starts_with([' ', ')', ',', '+', '-', '*']) => {
                format!("{merged}{rest}")
            }
            _ => word.to_owned(),
        })
        .collect();
    let list = ["*", "k, x, y", "k"][rng.random_range(0..3)];
    let written = match list {
        "k" => format!("{merged} AS k"),
        _ => format!("{merged} AS k, x, y"),
    };
    let join = if rng.random_bool(0.3) {
        format!("{first} a NATURAL {kind} {second} b")
    } else {
        format!("{first} a {kind} {second} b USING (k)")
    };
    Question {
        sql: format!("SELECT {list} FROM {join}{filter}"),
        ordered: false,
        copy: Some(format!(
            "SELECT {written} FROM {first} a {kind} {second} b ON a.k = b.k{apart}"
        )),
        overflows: false,
    }
}
