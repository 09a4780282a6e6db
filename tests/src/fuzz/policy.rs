//! What may the user of a random lake see of a table? Filters, column grants and masks, and what governance.md §3 makes of them.

use std::fmt::Write as _;

use chrono::Datelike;
use rand::{Rng, rngs::StdRng, seq::SliceRandom};

use super::{
    cell::{Cell, Type, date, days, moment},
    condition::Condition,
    data::Table,
};

/// All permits of the user on one table.
#[derive(Debug)]
pub struct Policy {
    columns: Vec<String>,
    /// Select on the table itself.
    whole: bool,
    /// Columns with a Select of their own.
    granted_columns: Vec<usize>,
    filters: Vec<Filter>,
    restrictive: Vec<Condition>,
    masks: Vec<Mask>,
}

#[derive(Debug)]
struct Filter {
    condition: Condition,
    columns: Vec<usize>,
    granted: bool,
}

#[derive(Debug)]
struct Mask {
    column: usize,
    function: &'static str,
    rank: usize,
    granted: bool,
}

impl Policy {
    pub fn random(rng: &mut StdRng, table: &Table) -> Self {
        let count = table.columns.len();
        let some = |rng: &mut StdRng| {
            let mut all: Vec<usize> = (0..count).collect();
            all.shuffle(rng);
            all.truncate(rng.random_range(1..=count));
            all.sort_unstable();
            all
        };
        let filters = (0..[0, 1, 1, 2, 2, 3][rng.random_range(0..6)])
            .map(|_| Filter {
                condition: Condition::random(rng, &table.columns, 2),
                columns: if rng.random_bool(0.4) {
                    (0..count).collect()
                } else {
                    some(rng)
                },
                granted: rng.random_bool(0.9),
            })
            .collect();
        let restrictive = (0..usize::from(rng.random_bool(0.3)))
            .map(|_| Condition::random(rng, &table.columns, 1))
            .collect();
        let mut masks = Vec::new();
        for (column, described) in table.columns.iter().enumerate() {
            let functions = functions(described.data_type);
            let drawn = (0..rng.random_range(0..3)).map(|_| rng.random_range(0..functions.len()));
            let mut drawn: Vec<usize> = drawn.collect();
            // What shows more has the lower rank: anything else is not published.
            drawn.sort_unstable();
            for (rank, function) in drawn.into_iter().map(|drawn| functions[drawn]).enumerate() {
                masks.push(Mask {
                    column,
                    function,
                    rank,
                    granted: rng.random_bool(0.6),
                });
            }
        }
        Self {
            columns: table.columns.iter().map(|column| column.name.clone()).collect(),
            whole: rng.random_bool(0.2),
            granted_columns: if rng.random_bool(0.3) { some(rng) } else { Vec::new() },
            filters,
            restrictive,
            masks,
        }
    }

    /// The table as the user sees it; `None` if it is closed.
    pub fn visible(&self, table: &Table) -> Option<Table> {
        let all: Vec<usize> = (0..self.columns.len()).collect();
        let known = if self.whole {
            all.clone()
        } else {
            self.granted_columns.clone()
        };
        let masked = self.masks.iter().any(|mask| mask.granted);
        let mut scope: Vec<(Option<&Condition>, Vec<usize>)> = Vec::new();
        if self.whole {
            scope.push((None, known.clone()));
        }
        for filter in self.filters.iter().filter(|filter| filter.granted) {
            let columns = all
                .iter()
                .filter(|column| filter.columns.contains(column) || known.contains(column));
            scope.push((Some(&filter.condition), columns.copied().collect()));
        }
        scope.retain(|(_, columns)| !columns.is_empty() || masked);
        let shown: Vec<usize> = all
            .into_iter()
            .filter(|column| scope.iter().any(|(_, columns)| columns.contains(column)) || self.mask(*column).is_some())
            .collect();
        if scope.is_empty() || shown.is_empty() {
            return None;
        }
        let mut rows = Vec::new();
        for row in &table.rows {
            let holds: Vec<bool> = scope
                .iter()
                .map(|(condition, _)| condition.is_none_or(|condition| condition.is_true(row)))
                .collect();
            if !holds.contains(&true) || !self.restrictive.iter().all(|condition| condition.is_true(row)) {
                continue;
            }
            let cell = |column: &usize| {
                let clear = scope
                    .iter()
                    .zip(&holds)
                    .any(|((_, columns), holds)| *holds && columns.contains(column));
                match self.mask(*column) {
                    _ if clear => row[*column].clone(),
                    Some(mask) => masked_cell(mask.function, &row[*column], table.columns[*column].data_type),
                    None => Cell::Null,
                }
            };
            rows.push(shown.iter().map(cell).collect());
        }
        let columns = shown.iter().map(|column| table.columns[*column].clone()).collect();
        Some(Table {
            columns,
            rows,
            ..table.clone()
        })
    }

    /// The permitted mask of lowest rank.
    fn mask(&self, column: usize) -> Option<&Mask> {
        self.masks
            .iter()
            .filter(|mask| mask.granted && mask.column == column)
            .min_by_key(|mask| mask.rank)
    }

    /// Lines of the lake file.
    pub fn declaration(&self) -> String {
        let quoted =
            |condition: &Condition| format!("\"{}\"", condition.sql().replace('\\', "\\\\").replace('"', "\\\""));
        let mut text = String::new();
        if !self.filters.is_empty() || !self.restrictive.is_empty() {
            text.push_str("    filters:\n");
        }
        for (number, filter) in self.filters.iter().enumerate() {
            let names: Vec<&str> = filter
                .columns
                .iter()
                .map(|column| self.columns[*column].as_str())
                .collect();
            let _ = writeln!(
                text,
                "      f{number}: {{where: {}, columns: [{}]}}",
                quoted(&filter.condition),
                names.join(", ")
            );
        }
        for (number, condition) in self.restrictive.iter().enumerate() {
            let _ = writeln!(
                text,
                "      r{number}: {{where: {}, restrictive: true}}",
                quoted(condition)
            );
        }
        if !self.masks.is_empty() {
            text.push_str("    masks:\n");
        }
        for (column, name) in self.columns.iter().enumerate() {
            let masks: Vec<String> = self
                .masks
                .iter()
                .filter(|mask| mask.column == column)
                .map(|mask| format!("m{}: {{func: {}, rank: {}}}", mask.rank, mask.function, mask.rank))
                .collect();
            if !masks.is_empty() {
                let _ = writeln!(text, "      {name}: {{{}}}", masks.join(", "));
            }
        }
        text
    }

    /// Entries of `grants`.
    pub fn grants(&self, table: &str) -> Vec<String> {
        let grant = |privilege: &str, resource: String| {
            format!("  - {{to: \"user:u\", privileges: [{privilege}], resource: \"{resource}\"}}")
        };
        let name = format!("lake.t.{table}");
        let mut grants = Vec::new();
        if self.whole {
            grants.push(grant("select", format!("table:{name}")));
        }
        for column in &self.granted_columns {
            grants.push(grant("select", format!("column:{name}.{}", self.columns[*column])));
        }
        for (number, filter) in self.filters.iter().enumerate().filter(|(_, filter)| filter.granted) {
            let _ = filter;
            grants.push(grant("select-filtered", format!("filter:{name}/f{number}")));
        }
        for mask in self.masks.iter().filter(|mask| mask.granted) {
            grants.push(grant(
                "select-masked",
                format!("mask:{name}.{}/m{}", self.columns[mask.column], mask.rank),
            ));
        }
        grants
    }
}

pub(crate) fn functions(data_type: Type) -> &'static [&'static str] {
    match data_type {
        Type::Varchar => &[
            "show-first-4",
            "show-last-4",
            "mask-alphanum",
            "mask-to-fixed-value",
            "replace-with-null",
        ],
        Type::Date | Type::Timestamp => &[
            "truncate-to-month",
            "truncate-to-year",
            "mask-to-fixed-value",
            "replace-with-null",
        ],
        Type::Bigint | Type::Int | Type::Double | Type::Boolean | Type::Decimal => {
            &["mask-to-fixed-value", "replace-with-null"]
        }
    }
}

pub(crate) fn masked_cell(function: &str, cell: &Cell, data_type: Type) -> Cell {
    match (function, cell) {
        ("mask-to-fixed-value", _) => match data_type {
            Type::Bigint | Type::Int => Cell::Int(0),
            Type::Double => Cell::Double(0.0),
            Type::Varchar => Cell::Text("XXXXXXXX".to_owned()),
            Type::Boolean => Cell::Bool(false),
            Type::Date => Cell::Date(0),
            Type::Decimal => Cell::Decimal(0),
            Type::Timestamp => Cell::Timestamp(0),
        },
        ("replace-with-null", _) | (_, Cell::Null) => Cell::Null,
        ("truncate-to-year", Cell::Date(number)) => Cell::Date(days(
            date(*number)
                .with_month(1)
                .and_then(|day| day.with_day(1))
                .expect("a day"),
        )),
        ("truncate-to-month", Cell::Date(number)) => Cell::Date(days(date(*number).with_day(1).expect("a day"))),
        ("truncate-to-year" | "truncate-to-month", Cell::Timestamp(micros)) => {
            let day = moment(*micros).date().with_day(1).expect("a day");
            let day = if function == "truncate-to-year" {
                day.with_month(1).expect("a day")
            } else {
                day
            };
            Cell::Timestamp(i64::from(days(day)) * 86_400_000_000)
        }
        (function, Cell::Text(text)) => Cell::Text(masked_text(function, text)),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn masked_text(function: &str, text: &str) -> String {
    let length = text.chars().count();
    let hide = |letter: char| match letter {
        digit if digit.is_ascii_digit() => 'n',
        kept @ ('(' | ')' | ',' | '.' | '-' | '@') => kept,
        _ => 'x',
    };
    let kept = |place: usize| match function {
        "show-first-4" => place < 4,
        "show-last-4" => place + 4 >= length,
        _ => false,
    };
    text.chars()
        .enumerate()
        .map(|(place, letter)| if kept(place) { letter } else { hide(letter) })
        .collect()
}
