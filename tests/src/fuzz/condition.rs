//! What does a row filter say, and is it true of a row? A tree with its SQL text and its own evaluation (governance.md §4.1).

use chrono::Datelike;
use rand::{Rng, rngs::StdRng};

use super::{
    cell::{Cell, Type, date, moment},
    data::Column,
};

/// A condition of the grammar.
#[derive(Clone, Debug)]
pub enum Condition {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Constant(bool),
    Compare(Value, &'static str, Value),
    Between(Value, bool, Cell, Cell),
    In(Value, bool, Vec<Cell>),
    /// `IN principal.tag('dept')`, whose values are `a`, `bb` and `ü`.
    InTag(Value, bool),
    /// `IN (SELECT column FROM mapping WHERE user_id = principal.name)`, and what that finds; `None`: its publisher may not read it.
    InMapping(Value, &'static str, Option<Vec<Cell>>),
    Like(Value, bool, String, Option<char>),
    IsNull(Value, bool),
    IsBool(Value, bool, bool),
}

/// A value of the grammar.
#[derive(Clone, Debug)]
pub enum Value {
    Column(usize, String),
    Literal(Cell),
    /// An attribute of principal or context, and what it is.
    Attribute(&'static str, Cell),
    /// Operator, and the type that may overflow.
    Arithmetic(Box<Self>, char, Box<Self>, Type),
    Call(&'static str, Vec<Self>),
}

/// A value of which nothing is known: overflow. No operator absorbs it.
#[derive(Clone, Copy, Debug)]
pub struct Broken;

const TAG: [&str; 3] = ["a", "bb", "ü"];
const PATTERNS: [(&str, Option<char>); 9] = [
    ("a%", None),
    ("%b", None),
    ("_", None),
    ("%", None),
    ("", None),
    ("a!_c", Some('!')),
    ("b!%b", Some('!')),
    ("%2-3%", None),
    ("__%", None),
];

impl Condition {
    /// A random condition over columns; `depth` levels of AND, OR and NOT at most.
    pub fn random(rng: &mut StdRng, columns: &[Column], depth: u32) -> Self {
        match if depth == 0 { 0 } else { rng.random_range(0..8) } {
            1 => Self::And(
                (0..rng.random_range(2..4))
                    .map(|_| Self::random(rng, columns, depth - 1))
                    .collect(),
            ),
            2 => Self::Or(
                (0..rng.random_range(2..4))
                    .map(|_| Self::random(rng, columns, depth - 1))
                    .collect(),
            ),
            3 => Self::Not(Box::new(Self::random(rng, columns, depth - 1))),
            _ => Self::test(rng, columns),
        }
    }

    fn test(rng: &mut StdRng, columns: &[Column]) -> Self {
        let index = rng.random_range(0..columns.len());
        let column = Value::Column(index, columns[index].name.clone());
        let kind = columns[index].data_type;
        let negated = rng.random_bool(0.4);
        let literals = |rng: &mut StdRng, kind: Type| (0..rng.random_range(1..4)).map(|_| kind.literal(rng)).collect();
        let operator = ["=", "<>", "!=", "<", "<=", ">", ">="][rng.random_range(0..7)];
        match rng.random_range(0..10) {
            0 => Self::IsNull(column, negated),
            1 if kind == Type::Boolean => Self::IsBool(column, negated, rng.random_bool(0.5)),
            1 if rng.random_bool(0.1) => Self::Constant(rng.random_bool(0.7)),
            2 | 3 if kind != Type::Boolean => Self::In(column, negated, literals(rng, kind)),
            4 if kind == Type::Varchar => {
                let (pattern, escape) = PATTERNS[rng.random_range(0..PATTERNS.len())];
                Self::Like(column, negated, pattern.to_owned(), escape)
            }
            4 if kind != Type::Boolean => Self::Between(column, negated, kind.literal(rng), kind.literal(rng)),
            5 if kind == Type::Varchar => Self::InTag(column, negated),
            6 | 7 => Self::function(rng, column, kind, operator),
            _ => Self::Compare(column, operator, Value::Literal(kind.literal(rng))),
        }
    }

    fn function(rng: &mut StdRng, column: Value, kind: Type, operator: &'static str) -> Self {
        let number = |number: i64| Value::Literal(Cell::Int(number));
        match kind {
            Type::Int | Type::Bigint => {
                let sign = ['+', '-', '*'][rng.random_range(0..3)];
                let left = Value::Arithmetic(Box::new(column), sign, Box::new(number(rng.random_range(1..4))), kind);
                Self::Compare(left, operator, Value::Literal(kind.literal(rng)))
            }
            Type::Varchar => match rng.random_range(0..5) {
                0 => Self::Compare(
                    Value::Call("lower", vec![column]),
                    operator,
                    Value::Literal(kind.literal(rng)),
                ),
                1 => Self::Compare(
                    Value::Call("upper", vec![column]),
                    operator,
                    Value::Literal(kind.literal(rng)),
                ),
                2 => Self::Compare(
                    Value::Call("length", vec![column]),
                    operator,
                    number(rng.random_range(0..4)),
                ),
                3 => {
                    let part = vec![column, number(rng.random_range(1..4)), number(rng.random_range(0..3))];
                    Self::Compare(Value::Call("substr", part), operator, Value::Literal(kind.literal(rng)))
                }
                _ => Self::Compare(
                    Value::Call("coalesce", vec![column, Value::Literal(Cell::Text("bb".to_owned()))]),
                    operator,
                    Value::Literal(kind.literal(rng)),
                ),
            },
            Type::Date | Type::Timestamp => {
                let name = ["year", "month", "day"][rng.random_range(0..3)];
                Self::Compare(
                    Value::Call(name, vec![column]),
                    operator,
                    number([1, 12, 31, 1970, 2020][rng.random_range(0..5)]),
                )
            }
            Type::Double | Type::Boolean | Type::Decimal => {
                Self::Compare(column, operator, Value::Literal(kind.literal(rng)))
            }
        }
    }

    /// The text of it.
    pub fn sql(&self) -> String {
        let not = |negated: &bool| if *negated { "NOT " } else { "" };
        let list = |cells: &[Cell]| cells.iter().map(Cell::sql).collect::<Vec<_>>().join(", ");
        let joined = |parts: &[Self], word: &str| {
            parts
                .iter()
                .map(|part| format!("({})", part.sql()))
                .collect::<Vec<_>>()
                .join(word)
        };
        match self {
            Self::And(parts) => joined(parts, " AND "),
            Self::Or(parts) => joined(parts, " OR "),
            Self::Not(inner) => format!("NOT ({})", inner.sql()),
            Self::Constant(value) => value.to_string().to_uppercase(),
            Self::Compare(left, operator, right) => format!("{} {operator} {}", left.sql(), right.sql()),
            Self::Between(value, negated, low, high) => format!(
                "{} {}BETWEEN {} AND {}",
                value.sql(),
                not(negated),
                low.sql(),
                high.sql()
            ),
            Self::In(value, negated, cells) => format!("{} {}IN ({})", value.sql(), not(negated), list(cells)),
            Self::InTag(value, negated) => format!("{} {}IN principal.tag('dept')", value.sql(), not(negated)),
            Self::InMapping(value, column, _) => format!(
                "{} IN (SELECT {column} FROM MAPPING WHERE user_id = principal.name)",
                value.sql()
            ),
            Self::Like(value, negated, pattern, escape) => {
                let escape = escape.map_or_else(String::new, |escape| format!(" ESCAPE '{escape}'"));
                format!("{} {}LIKE '{pattern}'{escape}", value.sql(), not(negated))
            }
            Self::IsNull(value, negated) => format!("{} IS {}NULL", value.sql(), not(negated)),
            Self::IsBool(value, negated, wanted) => format!(
                "{} IS {}{}",
                value.sql(),
                not(negated),
                wanted.to_string().to_uppercase()
            ),
        }
    }

    /// Whether it may stand in a question of a user: tags may not, nor functions that are the grammar's own; arithmetic would
    /// overflow in its own way, and the rest is in `tests/sql/gaps.slt`.
    pub fn is_plain(&self) -> bool {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().all(Self::is_plain),
            Self::Not(inner) => inner.is_plain(),
            Self::InTag(..) | Self::InMapping(..) | Self::Compare(_, _, Value::Attribute(..)) => false,
            Self::Compare(Value::Arithmetic(..) | Value::Call("year" | "month" | "day", _), ..) => false,
            Self::Compare(Value::Call("substr", arguments), ..) => {
                !matches!(arguments.last(), Some(Value::Literal(Cell::Int(0))))
            }
            Self::Like(_, _, _, escape) => escape.is_none(),
            _ => true,
        }
    }

    /// TRUE, FALSE, or `None` for NULL, for somebody with these values of `dept`; `None`: without the attribute.
    pub fn truth(&self, row: &[Cell], tags: Option<&[&str]>) -> Result<Option<bool>, Broken> {
        let negate = |truth: Option<bool>, negated: bool| truth.map(|truth| truth != negated);
        Ok(match self {
            Self::And(parts) => {
                let truths = parts
                    .iter()
                    .map(|part| part.truth(row, tags))
                    .collect::<Result<Vec<_>, _>>()?;
                if truths.contains(&Some(false)) {
                    Some(false)
                } else if truths.contains(&None) {
                    None
                } else {
                    Some(true)
                }
            }
            Self::Or(parts) => {
                let truths = parts
                    .iter()
                    .map(|part| part.truth(row, tags))
                    .collect::<Result<Vec<_>, _>>()?;
                if truths.contains(&Some(true)) {
                    Some(true)
                } else if truths.contains(&None) {
                    None
                } else {
                    Some(false)
                }
            }
            Self::Not(inner) => inner.truth(row, tags)?.map(|truth| !truth),
            Self::Constant(value) => Some(*value),
            Self::Compare(left, operator, right) => compare(&left.of(row)?, operator, &right.of(row)?),
            Self::Between(value, negated, low, high) => {
                let value = value.of(row)?;
                let inside = match (compare(&value, ">=", low), compare(&value, "<=", high)) {
                    (Some(above), Some(below)) => Some(above && below),
                    _ => None,
                };
                negate(inside, *negated)
            }
            Self::In(value, negated, cells) => {
                let value = value.of(row)?;
                let found = cells.iter().any(|cell| compare(&value, "=", cell) == Some(true));
                negate(if matches!(value, Cell::Null) { None } else { Some(found) }, *negated)
            }
            Self::InTag(value, negated) => match (value.of(row)?, tags) {
                (_, None) => return Err(Broken),
                // governance.md §4: a present empty set has no member, whatever is asked.
                (_, Some([])) => Some(*negated),
                (Cell::Text(text), Some(tags)) => Some(tags.contains(&text.as_str()) != *negated),
                _ => None,
            },
            Self::InMapping(value, _, found) => {
                let (value, found) = (value.of(row)?, found.as_ref().ok_or(Broken)?);
                let is = |cell: &Cell| compare(&value, "=", cell) == Some(true);
                (!matches!(value, Cell::Null)).then(|| found.iter().any(is))
            }
            Self::Like(value, negated, pattern, escape) => match value.of(row)? {
                Cell::Text(text) => {
                    let letters: Vec<char> = text.chars().collect();
                    let pattern: Vec<char> = pattern.chars().collect();
                    Some(like(&letters, &pattern, *escape) != *negated)
                }
                _ => None,
            },
            Self::IsNull(value, negated) => Some(matches!(value.of(row)?, Cell::Null) != *negated),
            Self::IsBool(value, negated, wanted) => {
                Some(matches!(value.of(row)?, Cell::Bool(found) if found == *wanted) != *negated)
            }
        })
    }

    /// As it reads for somebody of this name, of whom the mapping's columns say this.
    pub fn for_reader(&self, name: &str, mapping: &dyn Fn(&str) -> Vec<Cell>) -> Self {
        let each = |parts: &[Self]| parts.iter().map(|part| part.for_reader(name, mapping)).collect();
        match self {
            Self::And(parts) => Self::And(each(parts)),
            Self::Or(parts) => Self::Or(each(parts)),
            Self::Not(inner) => Self::Not(Box::new(inner.for_reader(name, mapping))),
            Self::Compare(value, operator, Value::Attribute("principal.name", _)) => {
                let own = Value::Attribute("principal.name", Cell::Text(name.to_owned()));
                Self::Compare(value.clone(), operator, own)
            }
            Self::InMapping(value, column, Some(_)) => Self::InMapping(value.clone(), column, Some(mapping(column))),
            other => other.clone(),
        }
    }

    /// Whether it reads the mapping.
    pub fn is_mapped(&self) -> bool {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().any(Self::is_mapped),
            Self::InMapping(..) => true,
            _ => false,
        }
    }

    /// Whether a row satisfies it, for somebody with these values of `dept`.
    pub fn is_true_for(&self, row: &[Cell], tags: Option<&[&str]>) -> bool {
        matches!(self.truth(row, tags), Ok(Some(true)))
    }

    /// Whether a row satisfies it.
    pub fn is_true(&self, row: &[Cell]) -> bool {
        matches!(self.truth(row, Some(&TAG)), Ok(Some(true)))
    }
}

impl Value {
    fn sql(&self) -> String {
        match self {
            Self::Column(_, name) => name.clone(),
            Self::Literal(cell) => cell.sql(),
            Self::Attribute(name, _) => (*name).to_owned(),
            Self::Arithmetic(left, sign, right, _) => format!("{} {sign} {}", left.sql(), right.sql()),
            Self::Call(name, arguments) => {
                format!(
                    "{name}({})",
                    arguments.iter().map(Self::sql).collect::<Vec<_>>().join(", ")
                )
            }
        }
    }

    fn of(&self, row: &[Cell]) -> Result<Cell, Broken> {
        match self {
            Self::Column(index, _) => Ok(row[*index].clone()),
            Self::Literal(cell) | Self::Attribute(_, cell) => Ok(cell.clone()),
            Self::Arithmetic(left, sign, right, kind) => {
                let (Cell::Int(one), Cell::Int(two)) = (left.of(row)?, right.of(row)?) else {
                    return Ok(Cell::Null);
                };
                let result = match sign {
                    '+' => one.checked_add(two),
                    '-' => one.checked_sub(two),
                    _ => one.checked_mul(two),
                };
                match result {
                    Some(number) if *kind == Type::Bigint || i32::try_from(number).is_ok() => Ok(Cell::Int(number)),
                    _ => Err(Broken),
                }
            }
            Self::Call(name, arguments) => {
                let arguments = arguments
                    .iter()
                    .map(|argument| argument.of(row))
                    .collect::<Result<Vec<_>, _>>()?;
                Ok(call(name, &arguments))
            }
        }
    }
}

fn call(name: &str, arguments: &[Cell]) -> Cell {
    match (name, arguments) {
        ("coalesce", cells) => cells
            .iter()
            .find(|cell| !matches!(cell, Cell::Null))
            .cloned()
            .unwrap_or(Cell::Null),
        ("lower", [Cell::Text(text)]) => Cell::Text(text.to_lowercase()),
        ("upper", [Cell::Text(text)]) => Cell::Text(text.to_uppercase()),
        ("length", [Cell::Text(text)]) => Cell::Int(text.chars().count() as i64),
        ("substr", [Cell::Text(text), Cell::Int(start), Cell::Int(length)]) => {
            Cell::Text(text.chars().skip(*start as usize - 1).take(*length as usize).collect())
        }
        ("year", [Cell::Date(days)]) => Cell::Int(i64::from(date(*days).year())),
        ("month", [Cell::Date(days)]) => Cell::Int(i64::from(date(*days).month())),
        ("day", [Cell::Date(days)]) => Cell::Int(i64::from(date(*days).day())),
        ("year", [Cell::Timestamp(micros)]) => Cell::Int(i64::from(moment(*micros).year())),
        ("month", [Cell::Timestamp(micros)]) => Cell::Int(i64::from(moment(*micros).month())),
        ("day", [Cell::Timestamp(micros)]) => Cell::Int(i64::from(moment(*micros).day())),
        _ => Cell::Null,
    }
}

fn compare(left: &Cell, operator: &str, right: &Cell) -> Option<bool> {
    if matches!(left, Cell::Null) || matches!(right, Cell::Null) {
        return None;
    }
    let order = left.order(right);
    Some(match operator {
        "=" => order.is_eq(),
        "<>" | "!=" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        _ => order.is_ge(),
    })
}

fn like(text: &[char], pattern: &[char], escape: Option<char>) -> bool {
    match pattern {
        [] => text.is_empty(),
        [first, literal, rest @ ..] if Some(*first) == escape => {
            text.first() == Some(literal) && like(&text[1..], rest, escape)
        }
        ['%', rest @ ..] => (0..=text.len()).any(|skipped| like(&text[skipped..], rest, escape)),
        ['_', rest @ ..] => !text.is_empty() && like(&text[1..], rest, escape),
        [letter, rest @ ..] => text.first() == Some(letter) && like(&text[1..], rest, escape),
    }
}
