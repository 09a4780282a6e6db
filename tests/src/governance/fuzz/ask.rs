//! What might somebody ask of random tables, beyond `fuzz::question`? Every fallible function of the registry, subqueries that stand in
//! expressions, recursion, windows, grouping sets, casts, hidden names and metadata.

use std::sync::LazyLock;

use datafusion::execution::SessionStateDefaults;
use rand::{Rng, rngs::StdRng};

use crate::{
    fuzz::{
        cell::Type,
        data::{Column, Table},
        question::{self, condition, pick, where_clause},
    },
    governance::seen::Order,
};

/// A statement.
#[derive(Clone, Debug)]
pub struct Asked {
    pub sql: String,
    pub order: Order,
    /// The physically filtered copy must give the same answer; metadata of it differs.
    pub diff: bool,
}

/// Functions that are not asked for: they tell the time or chance, or make much of little.
const LEFT_OUT: [&str; 18] = [
    "array_repeat",
    "array_resize",
    "arrow_typeof",
    "current_date",
    "current_time",
    "current_timestamp",
    "gen_series",
    "generate_series",
    "input_file_name",
    "list_repeat",
    "list_resize",
    "now",
    "rand",
    "random",
    "range",
    "today",
    "uuid",
    "version",
];

static FUNCTIONS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut names: Vec<String> = SessionStateDefaults::default_scalar_functions()
        .iter()
        .flat_map(|function| {
            [function.name().to_owned()]
                .into_iter()
                .chain(function.aliases().to_vec())
        })
        .filter(|name| !LEFT_OUT.contains(&name.as_str()))
        .collect();
    names.sort();
    names.dedup();
    names
});

const TYPES: [&str; 12] = [
    "tinyint",
    "smallint",
    "int",
    "bigint",
    "real",
    "double",
    "decimal(4,2)",
    "varchar",
    "boolean",
    "date",
    "timestamp",
    "varbinary",
];

/// A random statement over what is visible; `hidden` are names of columns that are not.
pub fn random(rng: &mut StdRng, tables: &[&Table], hidden: &[String]) -> Asked {
    let table = tables[rng.random_range(0..tables.len())];
    let other = tables[rng.random_range(0..tables.len())];
    let sql = match rng.random_range(0..24) {
        0..=4 => function(rng, table),
        5 => cast(rng, table),
        6 => guarded(rng, table),
        7 => nested(rng, table, other),
        8 => recursive(rng, table),
        9 => windowed(rng, table),
        10 => grouping(rng, table),
        11 => named(rng, table, hidden),
        12 => return metadata(rng, table),
        13 => correlated(rng, table, other),
        14 => whole(rng, table),
        _ => {
            let asked = question::random(rng, tables);
            let order = if asked.ordered { Order::Given } else { Order::None };
            return Asked {
                sql: asked.sql,
                order,
                diff: true,
            };
        }
    };
    Asked {
        sql,
        order: Order::None,
        diff: true,
    }
}

fn literal(rng: &mut StdRng) -> String {
    const LITERALS: [&str; 18] = [
        "'a'",
        "'bb'",
        "''",
        "'%Y-%m-%d'",
        "'base64'",
        "'hex'",
        "'sha256'",
        "'day'",
        "'utf-8'",
        "'('",
        "0",
        "1",
        "-1",
        "2",
        "NULL",
        "DATE '2020-02-29'",
        "1.5",
        "TRUE",
    ];
    LITERALS[rng.random_range(0..LITERALS.len())].to_owned()
}

fn function(rng: &mut StdRng, table: &Table) -> String {
    let name = &FUNCTIONS[rng.random_range(0..FUNCTIONS.len())];
    let mut arguments: Vec<String> = (0..[0, 1, 1, 1, 2, 2, 2, 3, 3][rng.random_range(0..9)])
        .map(|_| match rng.random_range(0..3) {
            0 => literal(rng),
            _ => pick(rng, &table.columns).name.clone(),
        })
        .collect();
    if !arguments.is_empty() && rng.random_bool(0.7) {
        arguments[0] = pick(rng, &table.columns).name.clone();
    }
    let call = format!("{name}({})", arguments.join(", "));
    match rng.random_range(0..5) {
        0 => format!("SELECT count(*) AS n FROM {} WHERE {call} IS NULL", table.name),
        1 => format!("SELECT max(CAST({call} AS varchar)) AS e FROM {}", table.name),
        2 => format!("SELECT {call} AS e, count(*) AS n FROM {} GROUP BY 1", table.name),
        _ => format!(
            "SELECT {call} AS e FROM {}{}",
            table.name,
            where_clause(rng, &table.columns)
        ),
    }
}

fn cast(rng: &mut StdRng, table: &Table) -> String {
    let column = &pick(rng, &table.columns).name;
    let kind = TYPES[rng.random_range(0..TYPES.len())];
    let cast = ["CAST", "TRY_CAST"][rng.random_range(0..2)];
    match rng.random_range(0..3) {
        0 => format!(
            "SELECT count(*) AS n FROM {} WHERE {cast}({column} AS {kind}) IS NOT NULL",
            table.name
        ),
        1 => format!("SELECT DISTINCT {cast}({column} AS {kind}) AS e FROM {}", table.name),
        _ => format!("SELECT {cast}({column} AS {kind}) AS e FROM {}", table.name),
    }
}

fn fallible(rng: &mut StdRng, columns: &[Column]) -> String {
    let column = pick(rng, columns);
    let name = &column.name;
    match column.data_type {
        Type::Int | Type::Bigint | Type::Decimal => format!("6 / {name}"),
        Type::Boolean => format!("1 / CAST({name} AS int)"),
        Type::Varchar => format!("CAST({name} AS int)"),
        Type::Double => format!("CAST({name} AS smallint)"),
        Type::Date | Type::Timestamp => format!("1 / CAST(date_part('day', {name}) - 29 AS int)"),
    }
}

/// Guards decide whether what can fail is computed at all.
fn guarded(rng: &mut StdRng, table: &Table) -> String {
    let filter = condition(rng, &table.columns);
    let risk = fallible(rng, &table.columns);
    let (name, shown) = (&table.name, &pick(rng, &table.columns).name);
    match rng.random_range(0..6) {
        0 => format!("SELECT {shown} AS e FROM {name} WHERE ({filter}) AND {risk} > 0"),
        1 => format!("SELECT CASE WHEN {filter} THEN {risk} END AS e FROM {name}"),
        2 => format!(
            "WITH q AS (SELECT {risk} AS x FROM {name} WHERE {filter}) SELECT count(*) AS n, max(x) AS m FROM q"
        ),
        3 => format!("SELECT {shown} AS e FROM {name} ORDER BY {risk}"),
        4 => format!("SELECT q.x AS e FROM (SELECT {risk} AS x FROM {name} WHERE {filter}) q WHERE q.x > 1"),
        _ => format!("SELECT count(*) FILTER (WHERE {risk} > 1) AS n FROM {name} WHERE {filter}"),
    }
}

fn nested(rng: &mut StdRng, table: &Table, other: &Table) -> String {
    let (shown, inner) = (&pick(rng, &table.columns).name, &pick(rng, &other.columns).name);
    let filter = where_clause(rng, &other.columns);
    let (name, source) = (&table.name, &other.name);
    match rng.random_range(0..6) {
        0 => format!("SELECT {shown} AS e, (SELECT count({inner}) FROM {source}{filter}) AS n FROM {name}"),
        1 => format!("SELECT {shown} AS e FROM {name} WHERE (SELECT count(*) FROM {source}{filter}) > 1"),
        2 => format!("SELECT CASE WHEN EXISTS (SELECT 1 FROM {source}{filter}) THEN {shown} END AS e FROM {name}"),
        3 => format!("SELECT {shown} AS e FROM {name} WHERE NOT EXISTS (SELECT {inner} FROM {source}{filter})"),
        4 => format!("SELECT (SELECT {inner} FROM {source}{filter}) AS e FROM {name}"),
        _ => format!(
            "SELECT count(*) AS n FROM (SELECT {shown} FROM {name} UNION ALL SELECT NULL FROM {source}{filter}) q"
        ),
    }
}

fn correlated(rng: &mut StdRng, table: &Table, other: &Table) -> String {
    let pairs: Vec<(&Column, &Column)> = table
        .columns
        .iter()
        .flat_map(|one| other.columns.iter().map(move |two| (one, two)))
        .filter(|(one, two)| one.data_type == two.data_type)
        .collect();
    if pairs.is_empty() {
        return nested(rng, table, other);
    }
    let (one, two) = pairs[rng.random_range(0..pairs.len())];
    let (one, two, shown) = (&one.name, &two.name, &pick(rng, &table.columns).name);
    let (name, source) = (&table.name, &other.name);
    match rng.random_range(0..4) {
        0 => format!(
            "SELECT a.{shown} AS e, (SELECT count(*) FROM {source} b WHERE b.{two} = a.{one}) AS n FROM {name} a"
        ),
        1 => format!(
            "SELECT a.{shown} AS e, l.m FROM {name} a, LATERAL (SELECT max(b.{two}) AS m FROM {source} b WHERE b.{two} = a.{one}) l"
        ),
        2 => format!(
            "SELECT a.{shown} AS e FROM {name} a WHERE a.{one} > (SELECT min(b.{two}) FROM {source} b WHERE b.{two} <= a.{one})"
        ),
        _ => format!(
            "SELECT a.{shown} AS e FROM {name} a WHERE a.{one} NOT IN (SELECT b.{two} FROM {source} b WHERE b.{two} = a.{one})"
        ),
    }
}

fn recursive(rng: &mut StdRng, table: &Table) -> String {
    let column = &pick(rng, &table.columns).name;
    let filter = where_clause(rng, &table.columns);
    let name = &table.name;
    match rng.random_range(0..2) {
        0 => format!(
            "WITH RECURSIVE r AS (SELECT {column} AS v, 0 AS n FROM {name}{filter} UNION ALL SELECT v, n + 1 FROM r WHERE n < 2) \
             SELECT n, count(v) AS c FROM r GROUP BY n"
        ),
        _ => format!(
            "WITH RECURSIVE r AS (SELECT 0 AS n UNION ALL SELECT r.n + 1 FROM r JOIN (SELECT count(*) AS c FROM {name}{filter}) q \
             ON r.n < q.c AND r.n < 5) SELECT count(*) AS n FROM r"
        ),
    }
}

fn windowed(rng: &mut StdRng, table: &Table) -> String {
    let all: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    let shown = &pick(rng, &table.columns).name;
    let function = match rng.random_range(0..5) {
        0 => format!("lag({shown})"),
        1 => format!("first_value({shown})"),
        2 => "ntile(3)".to_owned(),
        3 => "row_number()".to_owned(),
        _ => format!("count({shown})"),
    };
    format!(
        "SELECT {shown} AS e, {function} OVER (ORDER BY {}) AS w FROM {}{}",
        all.join(", "),
        table.name,
        where_clause(rng, &table.columns)
    )
}

fn grouping(rng: &mut StdRng, table: &Table) -> String {
    let (one, two) = (&pick(rng, &table.columns).name, &pick(rng, &table.columns).name);
    let sets = match rng.random_range(0..3) {
        0 => format!("ROLLUP ({one}, {two})"),
        1 => format!("CUBE ({one}, {two})"),
        _ => format!("GROUPING SETS (({one}), ({two}), ())"),
    };
    format!(
        "SELECT {one} AS a, {two} AS b, count(*) AS n FROM {}{} GROUP BY {sets}",
        table.name,
        where_clause(rng, &table.columns)
    )
}

/// A struct as a whole, and the ways to its fields.
fn whole(rng: &mut StdRng, table: &Table) -> String {
    let name = &table.name;
    let Some((top, field)) = table.columns.iter().find_map(Column::field) else {
        return format!("SELECT * FROM {name}");
    };
    let key = &pick(rng, &table.columns).name;
    match rng.random_range(0..7) {
        0 => format!("SELECT {top} AS e FROM {name}"),
        1 => format!("SELECT {top}['{field}'] AS e FROM {name}"),
        2 => format!("SELECT get_field({top}, '{field}') AS e FROM {name}"),
        3 => format!("SELECT {top} IS NULL AS e, count({top}) AS n FROM {name} GROUP BY 1"),
        4 => format!("SELECT DISTINCT {top} AS e FROM {name}"),
        5 => format!("SELECT q.e.{field} AS e FROM (SELECT {top} AS e FROM {name}) q"),
        _ => format!("SELECT {key} AS k, count({top}) AS n FROM {name} GROUP BY {key}"),
    }
}

/// Names that may be hidden, or nobody's.
fn named(rng: &mut StdRng, table: &Table, hidden: &[String]) -> String {
    let name = match hidden.len() {
        0 => "nothing",
        count => hidden[rng.random_range(0..count)].as_str(),
    };
    match rng.random_range(0..5) {
        0 => format!("SELECT {name} FROM {}", table.name),
        1 => format!("SELECT count(*) FROM {} WHERE {name} IS NULL", table.name),
        2 => format!("SELECT 1 FROM {} a JOIN {} b USING ({name})", table.name, table.name),
        3 => format!("SELECT count(*) FROM {} GROUP BY {name}", table.name),
        _ => format!("SELECT * FROM {} ORDER BY {name}", table.name),
    }
}

fn metadata(rng: &mut StdRng, table: &Table) -> Asked {
    let name = &table.name;
    let sql = match rng.random_range(0..4) {
        0 => format!("DESCRIBE {name}"),
        1 => "SHOW TABLES".to_owned(),
        2 => format!("SHOW COLUMNS FROM {name}"),
        _ => format!(
            "SELECT arrow_typeof({}) AS e FROM {name}",
            pick(rng, &table.columns).name
        ),
    };
    Asked {
        sql,
        order: Order::None,
        diff: false,
    }
}
