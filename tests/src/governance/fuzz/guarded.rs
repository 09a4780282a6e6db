//! What protects a random table? Filters, masks and tags, as random as the table, and their lines in the lake's file.

use std::fmt::Write as _;

use cedar_policy::EntityUid;
use lakegate_query::{govern::column_mask::is_inverted, type_name::parse_type};
use rand::{Rng, rngs::StdRng, seq::SliceRandom};

use super::{
    has,
    mask::Function,
    person::{People, Person},
    row_body::{Reader, RowBody},
};
use crate::fuzz::{
    cell::{Cell, Type},
    condition::{Condition, Value},
    data::{Column, Table},
};

/// Values of the tag `pii`.
pub const TAGS: [&str; 3] = ["none", "low", "high"];

/// A data filter.
#[derive(Clone, Debug)]
pub struct Filter {
    pub name: String,
    pub body: Body,
    pub columns: Vec<usize>,
    pub restrictive: bool,
}

/// What a filter says.
#[derive(Clone, Debug)]
pub enum Body {
    Sql(Condition),
    Cedar(Box<RowBody>),
}

/// A column mask.
#[derive(Clone, Debug)]
pub struct Mask {
    pub column: usize,
    pub name: String,
    pub function: Function,
    pub rank: usize,
}

/// What protects one table.
#[derive(Clone, Debug)]
pub struct Guarded {
    pub filters: Vec<Filter>,
    pub masks: Vec<Mask>,
    pub tag: Option<&'static str>,
    pub column_tags: Vec<Option<&'static str>>,
    /// For whom the filters read.
    person: Person,
    reader: Reader,
}

/// Of two masks the one that is known to show more has the lower rank: anything else is not published.
fn in_order(mut masks: Vec<(usize, Function)>, data_type: Type) -> Vec<(usize, Function)> {
    masks.sort_by_key(|(rank, _)| *rank);
    let data_type = parse_type(&data_type.to_string()).expect("a type");
    if let [(_, lower), (_, higher)] = masks.as_mut_slice() {
        let (one, other) = (lower.declared(), higher.declared());
        if is_inverted((&one.0, one.1), (&other.0, other.1), &data_type) {
            std::mem::swap(lower, higher);
        }
    }
    masks
}

impl Guarded {
    pub fn random(rng: &mut StdRng, table: &Table, people: &People) -> Self {
        let person = people.persons[0].clone();
        let count = table.columns.len();
        let filters = (0..[0, 1, 1, 2, 2, 3, 4][rng.random_range(0..7)])
            .map(|number| {
                let mut columns: Vec<usize> = (0..count).collect();
                if rng.random_bool(0.6) {
                    columns.shuffle(rng);
                    columns.truncate(rng.random_range(1..=count));
                    columns.sort_unstable();
                }
                Filter {
                    name: format!("f{number}"),
                    body: body(rng, table, people),
                    columns,
                    restrictive: rng.random_bool(0.25),
                }
            })
            .collect();
        let mut masks = Vec::new();
        for (column, described) in table.columns.iter().enumerate() {
            let mut ranks = [10, 20, 30];
            ranks.shuffle(rng);
            let ranks = ranks.into_iter().take(rng.random_range(0..3));
            let drawn: Vec<(usize, Function)> = ranks
                .map(|rank| (rank, Function::random(rng, described.data_type)))
                .collect();
            for (number, (rank, function)) in in_order(drawn, described.data_type).into_iter().enumerate() {
                masks.push(Mask {
                    column,
                    name: format!("m{number}"),
                    function,
                    rank,
                });
            }
        }
        let tag = |rng: &mut StdRng, often: f64| rng.random_bool(often).then(|| TAGS[rng.random_range(0..3)]);
        let mut column_tags: Vec<Option<&'static str>> = (0..count).map(|_| tag(rng, 0.3)).collect();
        for at in 1..count {
            // The struct is tagged; its fields inherit.
            if table.columns[at].field().is_some() && table.columns[at].top() == table.columns[at - 1].top() {
                column_tags[at] = column_tags[at - 1];
            }
        }
        Self {
            filters,
            masks,
            tag: tag(rng, 0.3),
            column_tags,
            reader: people.reader(&person),
            person,
        }
    }

    /// As it reads for another one.
    pub fn of(&self, people: &People, person: &Person) -> Self {
        let mut own = Self {
            person: person.clone(),
            reader: people.reader(person),
            ..self.clone()
        };
        for filter in &mut own.filters {
            if let Body::Sql(condition) = &filter.body {
                filter.body = Body::Sql(condition.for_reader(&person.name, &|column| person.mapping(column)));
            }
        }
        own
    }

    /// For whom it reads.
    pub fn principal(&self) -> &EntityUid {
        &self.reader.principal
    }

    /// Whether a filter IS TRUE of a row.
    pub fn holds(&self, filter: usize, columns: &[Column], row: &[Cell]) -> bool {
        match &self.filters[filter].body {
            Body::Sql(condition) => condition.is_true_for(row, self.person.dept.as_deref()),
            Body::Cedar(body) => body.is_true(&self.reader, columns, row),
        }
    }

    /// Lines of filters and masks below the table's entry; `mapping` is the name of the lake's.
    pub fn declaration(&self, table: &Table, mapping: &str) -> String {
        let mut text = String::new();
        if !self.filters.is_empty() {
            text.push_str("    filters:\n");
        }
        for filter in &self.filters {
            let names: Vec<&str> = filter
                .columns
                .iter()
                .map(|at| table.columns[*at].name.as_str())
                .collect();
            let rest = match (filter.restrictive, names.len() == table.columns.len()) {
                (true, _) => ", restrictive: true".to_owned(),
                (false, true) => String::new(),
                (false, false) => format!(", columns: [{}]", names.join(", ")),
            };
            let _ = writeln!(
                text,
                "      {}: {{{}{rest}}}",
                filter.name,
                filter.body.declaration(mapping)
            );
        }
        if !self.masks.is_empty() {
            text.push_str("    masks:\n");
        }
        for (at, column) in table.columns.iter().enumerate() {
            let masks: Vec<String> = self
                .masks
                .iter()
                .filter(|mask| mask.column == at)
                .map(|mask| {
                    format!(
                        "{}: {{{}, rank: {}}}",
                        mask.name,
                        mask.function.declaration(),
                        mask.rank
                    )
                })
                .collect();
            if !masks.is_empty() {
                let _ = writeln!(text, "      {}: {{{}}}", column.name, masks.join(", "));
            }
        }
        text
    }
}

impl Body {
    /// Its members in the lake's file.
    fn declaration(&self, mapping: &str) -> String {
        match self {
            Self::Cedar(body) => format!("cedar: '{}'", body.text.replace('\'', "''")),
            Self::Sql(condition) => {
                let text = condition.sql().replace("FROM MAPPING", &format!("FROM {mapping}"));
                let text = text.replace('\\', "\\\\").replace('"', "\\\"");
                let publisher = if condition.is_mapped() {
                    ", publisher: \"user:all\""
                } else {
                    ""
                };
                format!("where: \"{text}\"{publisher}")
            }
        }
    }
}

fn body(rng: &mut StdRng, table: &Table, people: &People) -> Body {
    let cedar = (has("cedar") && rng.random_bool(0.3)).then(|| RowBody::random(rng, table, &people.roles));
    match cedar.flatten() {
        Some(body) => Body::Cedar(Box::new(body)),
        None => Body::Sql(condition(rng, table, people)),
    }
}

fn condition(rng: &mut StdRng, table: &Table, people: &People) -> Condition {
    let condition = Condition::random(rng, &table.columns, 2);
    let find = |data_type: Type| {
        let found = table
            .columns
            .iter()
            .enumerate()
            .filter(move |(_, column)| column.data_type == data_type);
        found
            .map(|(at, column)| Value::Column(at, column.name.clone()))
            .collect::<Vec<_>>()
    };
    let (texts, numbers) = (find(Type::Varchar), find(Type::Bigint));
    let person = &people.persons[0];
    let test = match rng.random_range(0..10) {
        0 if has("mappings") && !texts.is_empty() => {
            Condition::InMapping(texts[0].clone(), "s", Some(person.mapping("s")))
        }
        1 if has("mappings") && !numbers.is_empty() => {
            Condition::InMapping(numbers[0].clone(), "n", Some(person.mapping("n")))
        }
        2 | 3 if !texts.is_empty() => {
            let attribute = match rng.random_range(0..2) {
                0 => Value::Attribute("principal.name", Cell::Text(person.name.clone())),
                _ => Value::Attribute("context.workgroup", Cell::Text("primary".to_owned())),
            };
            let operator = ["=", "<>", "<", ">="][rng.random_range(0..4)];
            Condition::Compare(texts[rng.random_range(0..texts.len())].clone(), operator, attribute)
        }
        _ => return condition,
    };
    match rng.random_range(0..3) {
        0 => Condition::And(vec![condition, test]),
        1 => Condition::Or(vec![condition, test]),
        _ => test,
    }
}
