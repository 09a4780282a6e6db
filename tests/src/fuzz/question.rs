//! What might somebody ask of two tables? Random SQL of every shape that has an answer of its own, whatever the plan.

use rand::{Rng, rngs::StdRng};

use super::{
    cell::Type,
    condition::Condition,
    data::{Column, Table},
    exact,
};

/// A question.
pub struct Question {
    pub sql: String,
    /// The order of its rows is part of the answer.
    pub ordered: bool,
    /// The same in other words for the copy, where plain DataFusion would be wrong.
    pub copy: Option<String>,
    /// The copy may tell of an overflow as of a cast that fails.
    pub overflows: bool,
}

impl Question {
    /// One wording, rows in any order.
    pub fn plain(sql: String) -> Self {
        Self {
            sql,
            ordered: false,
            copy: None,
            overflows: false,
        }
    }
}

/// A random question over the columns that are visible.
pub fn random(rng: &mut StdRng, tables: &[&Table]) -> Question {
    let one = tables[rng.random_range(0..tables.len())];
    let unordered = Question::plain;
    match rng.random_range(0..16) {
        0 => unordered(format!("SELECT * FROM {}{}", one.name, where_clause(rng, &one.columns))),
        1 | 2 => sorted(rng, one),
        3 | 4 => unordered(grouped(rng, one)),
        5..=7 => unordered(joined(rng, tables)),
        8 => unordered(set_operation(rng, tables)),
        9 => unordered(subquery(rng, tables)),
        10 => unordered(window(rng, one)),
        11..=14 => exact::random(rng, tables),
        _ => unordered(fallible(rng, one)),
    }
}

pub(crate) fn condition(rng: &mut StdRng, columns: &[Column]) -> String {
    loop {
        let condition = Condition::random(rng, columns, 2);
        if condition.is_plain() {
            return condition.sql();
        }
    }
}

pub(crate) fn where_clause(rng: &mut StdRng, columns: &[Column]) -> String {
    if rng.random_bool(0.3) {
        String::new()
    } else {
        format!(" WHERE {}", condition(rng, columns))
    }
}

fn qualified(alias: &str, columns: &[Column]) -> Vec<Column> {
    columns
        .iter()
        .map(|column| Column {
            name: format!("{alias}.{}", column.name),
            data_type: column.data_type,
        })
        .collect()
}

pub(crate) fn pick<'a>(rng: &mut StdRng, columns: &'a [Column]) -> &'a Column {
    &columns[rng.random_range(0..columns.len())]
}

fn expression(rng: &mut StdRng, columns: &[Column]) -> String {
    let column = pick(rng, columns);
    let name = &column.name;
    match (rng.random_range(0..5), column.data_type) {
        (0, Type::Varchar) => format!("{name} || '!'"),
        (1, Type::Varchar) => format!("length({name})"),
        (0, Type::Int) => format!("{name} + 1"),
        (1, _) => format!("{name} IS NULL"),
        (2, _) => format!("CASE WHEN {} THEN {name} END", condition(rng, columns)),
        (3, _) => format!("coalesce({name}, {})", column.data_type.literal(rng).sql()),
        _ => name.clone(),
    }
}

fn sorted(rng: &mut StdRng, table: &Table) -> Question {
    let count = rng.random_range(1..4);
    let list: Vec<String> = (0..count)
        .map(|index| format!("{} AS e{index}", expression(rng, &table.columns)))
        .collect();
    let distinct = if rng.random_bool(0.2) { "DISTINCT " } else { "" };
    let order: Vec<String> = (1..=count)
        .map(|place| {
            format!(
                "{place} {}",
                ["ASC", "DESC", "ASC NULLS FIRST", "DESC NULLS LAST"][rng.random_range(0..4)]
            )
        })
        .collect();
    let mut sql = format!(
        "SELECT {distinct}{} FROM {}{} ORDER BY {}",
        list.join(", "),
        table.name,
        where_clause(rng, &table.columns),
        order.join(", ")
    );
    if rng.random_bool(0.6) {
        // Not 0: without its rules the engine panics at a sort of no rows.
        sql.push_str(&format!(" LIMIT {}", rng.random_range(1..6)));
    }
    if rng.random_bool(0.3) {
        sql.push_str(&format!(" OFFSET {}", rng.random_range(0..4)));
    }
    Question {
        ordered: true,
        ..Question::plain(sql)
    }
}

fn aggregate(rng: &mut StdRng, columns: &[Column]) -> String {
    let column = pick(rng, columns);
    let name = &column.name;
    match rng.random_range(0..6) {
        // Whether plain DataFusion's max over groups finds NaN depends on the order of rows: `exact` asks for those.
        3..=5 if column.data_type == Type::Double => format!("count({name})"),
        0 => "count(*)".to_owned(),
        1 => format!("count({name})"),
        2 => format!("count(DISTINCT {name})"),
        3 if column.data_type == Type::Int => format!("sum({name})"),
        3 if column.data_type == Type::Boolean => format!("bool_or({name})"),
        4 => format!("min({name})"),
        _ => format!("max({name})"),
    }
}

fn grouped(rng: &mut StdRng, table: &Table) -> String {
    let first = aggregate(rng, &table.columns);
    let second = aggregate(rng, &table.columns);
    let filter = where_clause(rng, &table.columns);
    if rng.random_bool(0.3) {
        return format!("SELECT {first} AS a, {second} AS b FROM {}{filter}", table.name);
    }
    let key = &pick(rng, &table.columns).name;
    let having = if rng.random_bool(0.3) {
        " HAVING count(*) > 1"
    } else {
        ""
    };
    format!(
        "SELECT {key} AS k, {first} AS a, {second} AS b FROM {}{filter} GROUP BY {key}{having}",
        table.name
    )
}

/// Two columns of one type, if there are any.
pub(super) fn alike<'a>(rng: &mut StdRng, left: &'a [Column], right: &'a [Column]) -> Option<(&'a Column, &'a Column)> {
    let pairs: Vec<(&Column, &Column)> = left
        .iter()
        .flat_map(|one| right.iter().map(move |two| (one, two)))
        .filter(|(one, two)| one.data_type == two.data_type)
        .collect();
    if pairs.is_empty() {
        None
    } else {
        Some(pairs[rng.random_range(0..pairs.len())])
    }
}

fn joined(rng: &mut StdRng, tables: &[&Table]) -> String {
    let (left, right) = (
        tables[rng.random_range(0..tables.len())],
        tables[rng.random_range(0..tables.len())],
    );
    let (a, b) = (qualified("a", &left.columns), qualified("b", &right.columns));
    let Some((one, two)) = alike(rng, &a, &b) else {
        let filter = condition(rng, &[a.clone(), b].concat());
        return format!(
            "SELECT count(*) AS n FROM {} a CROSS JOIN {} b WHERE {filter}",
            left.name, right.name
        );
    };
    let kind = [
        "JOIN",
        "LEFT JOIN",
        "RIGHT JOIN",
        "FULL JOIN",
        "LEFT SEMI JOIN",
        "LEFT ANTI JOIN",
        "RIGHT SEMI JOIN",
        "RIGHT ANTI JOIN",
    ][rng.random_range(0..8)];
    let operator = if rng.random_bool(0.8) {
        "="
    } else {
        "IS NOT DISTINCT FROM"
    };
    let mut on = format!("({} {operator} {})", one.name, two.name);
    if rng.random_bool(0.3) {
        let side = if rng.random_bool(0.5) { &a } else { &b };
        on.push_str(&format!(" AND ({})", condition(rng, side)));
    }
    let visible = match kind {
        "LEFT SEMI JOIN" | "LEFT ANTI JOIN" => a,
        "RIGHT SEMI JOIN" | "RIGHT ANTI JOIN" => b,
        _ => [a, b].concat(),
    };
    let list: Vec<String> = (0..rng.random_range(1..4))
        .map(|index| format!("{} AS e{index}", pick(rng, &visible).name))
        .collect();
    let filter = where_clause(rng, &visible);
    format!(
        "SELECT {} FROM {} a {kind} {} b ON {on}{filter}",
        list.join(", "),
        left.name,
        right.name
    )
}

fn set_operation(rng: &mut StdRng, tables: &[&Table]) -> String {
    let (left, right) = (
        tables[rng.random_range(0..tables.len())],
        tables[rng.random_range(0..tables.len())],
    );
    let operator = ["UNION", "UNION ALL", "INTERSECT", "EXCEPT"][rng.random_range(0..4)];
    let Some((one, two)) = alike(rng, &left.columns, &right.columns) else {
        return format!(
            "SELECT count(*) AS n FROM {} {operator} SELECT count(*) FROM {}",
            left.name, right.name
        );
    };
    let (first, second) = (where_clause(rng, &left.columns), where_clause(rng, &right.columns));
    format!(
        "SELECT {} AS e FROM {}{first} {operator} SELECT {} FROM {}{second}",
        one.name, left.name, two.name, right.name
    )
}

fn subquery(rng: &mut StdRng, tables: &[&Table]) -> String {
    let (outer, inner) = (
        tables[rng.random_range(0..tables.len())],
        tables[rng.random_range(0..tables.len())],
    );
    let (a, b) = (qualified("a", &outer.columns), qualified("b", &inner.columns));
    let shown = &pick(rng, &a).name;
    let Some((one, two)) = alike(rng, &a, &b) else {
        return format!(
            "SELECT {shown} AS e, (SELECT count(*) FROM {} b) AS n FROM {} a",
            inner.name, outer.name
        );
    };
    let filter = condition(rng, &b);
    let (one, two, from, source) = (&one.name, &two.name, &outer.name, &inner.name);
    match rng.random_range(0..5) {
        0 => format!("SELECT {shown} AS e FROM {from} a WHERE {one} IN (SELECT {two} FROM {source} b WHERE {filter})"),
        1 => format!(
            "SELECT {shown} AS e FROM {from} a WHERE {one} NOT IN (SELECT {two} FROM {source} b WHERE {filter})"
        ),
        2 => format!(
            "SELECT {shown} AS e FROM {from} a WHERE EXISTS (SELECT 1 FROM {source} b WHERE {one} = {two} AND {filter})"
        ),
        3 => {
            format!("SELECT {shown} AS e FROM {from} a WHERE NOT EXISTS (SELECT 1 FROM {source} b WHERE {one} = {two})")
        }
        _ => format!("SELECT {shown} AS e, (SELECT max({two}) FROM {source} b WHERE {filter}) AS m FROM {from} a"),
    }
}

fn window(rng: &mut StdRng, table: &Table) -> String {
    let (key, shown) = (&pick(rng, &table.columns).name, &pick(rng, &table.columns).name);
    let order: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    let filter = where_clause(rng, &table.columns);
    let function = ["count(*)", "rank()", "dense_rank()"][rng.random_range(0..3)];
    format!(
        "SELECT {shown} AS e, {function} OVER (PARTITION BY {key} ORDER BY {}) AS w FROM {}{filter}",
        order.join(", "),
        table.name
    )
}

/// Expressions that fail on some values, where nothing but the rows decides whether they are computed.
fn fallible(rng: &mut StdRng, table: &Table) -> String {
    let column = pick(rng, &table.columns);
    let name = &column.name;
    let expression = match column.data_type {
        Type::Int => format!("6 / {name}"),
        Type::Bigint => format!("CAST({name} AS int)"),
        Type::Varchar => format!("CAST({name} AS bigint)"),
        // Whole before the cast: the gateway rounds, the plain engine cuts.
        Type::Double => format!("CAST(floor({name}) AS bigint)"),
        Type::Boolean => format!("1 / CAST({name} AS int)"),
        Type::Date | Type::Timestamp => format!("CAST({name} AS varchar)"),
        Type::Decimal => format!("CAST({name} AS tinyint)"),
    };
    match rng.random_range(0..3) {
        0 => format!("SELECT {expression} AS e FROM {}", table.name),
        1 => format!("SELECT max({expression}) AS e FROM {}", table.name),
        _ => format!("SELECT count(*) AS n FROM {} GROUP BY {expression}", table.name),
    }
}
