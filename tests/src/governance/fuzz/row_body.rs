//! What does a random row filter in Cedar say, and what does Cedar say of it about a row? (governance.md §4.2; §9.2, 1)
//!
//! The reference is a plain `is_authorized` on a `Row` whose bags hold the values as tags: each body alone, an error is not TRUE.

use std::{fmt, str::FromStr};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityUid, PolicySet, Request, RestrictedExpression,
};
use rand::{Rng, rngs::StdRng};

use super::authority::uid;
use crate::fuzz::{
    cell::{Cell, Type},
    data::{Column, Table},
};

/// A body, over columns by their names.
#[derive(Clone)]
pub struct RowBody {
    /// `when { … }`, perhaps `unless { … }`.
    pub text: String,
    policies: PolicySet,
}

/// Who reads: the principal with all roles, and the request.
#[derive(Clone)]
pub struct Reader {
    pub principal: EntityUid,
    pub people: Vec<Entity>,
    pub context: Context,
}

impl fmt::Debug for RowBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.principal)
    }
}

/// Names and types of the bags.
const BAGS: [(&str, &str); 5] = [
    ("s", "StrBag"),
    ("n", "NumBag"),
    ("d", "DecBag"),
    ("b", "BoolBag"),
    ("t", "TimeBag"),
];

fn bag(data_type: Type) -> Option<&'static str> {
    match data_type {
        Type::Varchar => Some("s"),
        Type::Bigint | Type::Int => Some("n"),
        Type::Decimal => Some("d"),
        Type::Boolean => Some("b"),
        Type::Date | Type::Timestamp => Some("t"),
        Type::Double => None,
    }
}

impl RowBody {
    /// `None` where no column has a type that Cedar has.
    pub fn random(rng: &mut StdRng, table: &Table, roles: &[String]) -> Option<Self> {
        let columns: Vec<&Column> = table
            .columns
            .iter()
            .filter(|column| bag(column.data_type).is_some())
            .collect();
        if columns.is_empty() {
            return None;
        }
        let mut writer = Writer { rng, columns, roles };
        let mut text = format!("when {{ {} }}", writer.truth(2));
        if writer.rng.random_bool(0.25) {
            text = format!("{text} unless {{ {} }}", writer.truth(1));
        }
        Some(Self::of(text))
    }

    fn of(text: String) -> Self {
        let policy =
            format!("permit(principal, action == Lakegate::Action::\"SelectRow\", resource is Lakegate::Row)\n{text};");
        let policies = policy.parse().unwrap_or_else(|error| panic!("{error:?}\n{policy}"));
        Self { text, policies }
    }

    /// Whether it is TRUE of a row.
    pub fn is_true(&self, reader: &Reader, columns: &[Column], row: &[Cell]) -> bool {
        let entities = reader.people.iter().cloned().chain(entities(columns, row));
        let entities = Entities::from_entities(entities, None).expect("entities");
        let request = Request::new(
            reader.principal.clone(),
            uid("Action", "SelectRow"),
            uid("Row", "r"),
            reader.context.clone(),
            None,
        );
        let answer = Authorizer::new().is_authorized(&request.expect("a request"), &self.policies, &entities);
        answer.decision() == Decision::Allow
    }
}

fn entities(columns: &[Column], row: &[Cell]) -> Vec<Entity> {
    let mut all = Vec::new();
    let mut attributes = Vec::new();
    for (name, kind) in BAGS {
        let id = uid(kind, "r");
        attributes.push((name.to_owned(), RestrictedExpression::new_entity_uid(id.clone())));
        let own = columns
            .iter()
            .zip(row)
            .filter(|(column, _)| bag(column.data_type) == Some(name));
        let tags = own.filter_map(|(column, cell)| Some((column.name.clone(), tag(cell)?)));
        all.push(Entity::new_with_tags(id, [], [], tags).expect("a bag"));
    }
    all.push(Entity::new_with_tags(uid("Row", "r"), attributes, [], []).expect("a row"));
    all
}

/// NULL has no tag; moments are milliseconds, rounded down.
fn tag(cell: &Cell) -> Option<RestrictedExpression> {
    let moment = |ms: i64| {
        let text = format!("datetime(\"1970-01-01\").offset(duration(\"{ms}ms\"))");
        RestrictedExpression::from_str(&text).expect("a moment")
    };
    match cell {
        Cell::Null | Cell::Double(_) => None,
        Cell::Int(number) => Some(RestrictedExpression::new_long(*number)),
        Cell::Text(text) => Some(RestrictedExpression::new_string(text.clone())),
        Cell::Bool(value) => Some(RestrictedExpression::new_bool(*value)),
        Cell::Decimal(_) => Some(RestrictedExpression::new_decimal(cell.sql())),
        Cell::Date(days) => Some(moment(i64::from(*days) * 86_400_000)),
        Cell::Timestamp(micros) => Some(moment(micros.div_euclid(1_000))),
    }
}

/// Writes expressions that Cedar's strict validation takes.
struct Writer<'a> {
    rng: &'a mut StdRng,
    columns: Vec<&'a Column>,
    roles: &'a [String],
}

impl Writer<'_> {
    fn one<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[self.rng.random_range(0..texts.len())]
    }

    fn truth(&mut self, depth: u32) -> String {
        if depth == 0 {
            return self.test();
        }
        let deeper = depth - 1;
        match self.rng.random_range(0..10) {
            0 | 1 => format!("({}) && ({})", self.truth(deeper), self.truth(deeper)),
            2 | 3 => format!("({}) || ({})", self.truth(deeper), self.truth(deeper)),
            4 => format!("!({})", self.truth(deeper)),
            5 => format!(
                "if {} then {} else {}",
                self.truth(deeper),
                self.truth(deeper),
                self.truth(deeper)
            ),
            _ => self.test(),
        }
    }

    fn test(&mut self) -> String {
        let at = self.rng.random_range(0..self.columns.len());
        let column = self.columns[at];
        let name = bag(column.data_type).expect("a bag");
        let has = format!("resource.{name}.hasTag(\"{}\")", column.name);
        let get = format!("resource.{name}.getTag(\"{}\")", column.name);
        let test = match self.rng.random_range(0..10) {
            0 => return has,
            1 => return format!("!{has}"),
            2 => return self.caller(),
            3 => match self.pair(column) {
                Some(test) => test,
                None => self.of(column.data_type, &get),
            },
            _ => self.of(column.data_type, &get),
        };
        match self.rng.random_range(0..6) {
            0 => format!("!{has} || ({has} && {test})"),
            1 => {
                let other = ["true", "false"][self.rng.random_range(0..2)];
                format!("if {has} then {test} else {other}")
            }
            _ => format!("{has} && {test}"),
        }
    }

    /// Two columns of one bag.
    fn pair(&mut self, column: &Column) -> Option<String> {
        let name = bag(column.data_type)?;
        let others: Vec<&Column> = self
            .columns
            .iter()
            .copied()
            .filter(|other| bag(other.data_type) == Some(name) && other.name != column.name)
            .collect();
        if others.is_empty() {
            return None;
        }
        let other = &others[self.rng.random_range(0..others.len())].name;
        let (one, two) = (
            format!("resource.{name}.getTag(\"{}\")", column.name),
            format!("resource.{name}.getTag(\"{other}\")"),
        );
        let test = match (name, self.rng.random_range(0..2)) {
            ("n", 0) => format!("{one} + {two} > 0"),
            ("n", _) => format!("{one} < {two}"),
            ("t", 0) => format!("{one}.durationSince({two}) > duration(\"1d\")"),
            _ => format!("{one} == {two}"),
        };
        Some(format!("resource.{name}.hasTag(\"{other}\") && {test}"))
    }

    fn of(&mut self, data_type: Type, get: &str) -> String {
        match bag(data_type) {
            Some("s") => match self.rng.random_range(0..5) {
                0 => format!(
                    "{get} like \"{}\"",
                    self.one(&["a*", "*b", "*", "", "*%*", "?_c", "b*b"])
                ),
                1 => format!("[\"a\", \"bb\", \"ü\"].contains({get})"),
                2 => format!("principal.hasTag(\"dept\") && principal.getTag(\"dept\").contains({get})"),
                3 => format!("{get} != \"{}\"", self.one(&["a", "A", ""])),
                _ => format!("{get} == \"{}\"", self.one(&["a", "bb", "ü", "a_c"])),
            },
            Some("n") => match self.rng.random_range(0..5) {
                0 => format!("{get} * 2 == {}", self.one(&["0", "2", "14"])),
                1 => format!("{get} + 1 > {}", self.one(&["0", "2", "-1"])),
                2 => format!("-{get} < {}", self.one(&["0", "3"])),
                3 => format!("{get} - principal.clearance <= {}", self.one(&["0", "1", "3"])),
                _ => {
                    let operator = self.one(&["<", "<=", ">", ">=", "==", "!="]);
                    format!(
                        "{get} {operator} {}",
                        self.one(&["0", "1", "3", "-1", "7", "2147483647"])
                    )
                }
            },
            Some("d") => {
                let digits = self.one(&["0.0", "0.01", "2.50", "-0.01", "31337.0", "2.5001"]);
                match self.one(&["==", "lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual"]) {
                    "==" => format!("{get} == decimal(\"{digits}\")"),
                    method => format!("{get}.{method}(decimal(\"{digits}\"))"),
                }
            }
            Some("b") => match self.rng.random_range(0..3) {
                0 => get.to_owned(),
                1 => format!("!{get}"),
                _ => format!("{get} == false"),
            },
            _ => self.moment(get),
        }
    }

    fn moment(&mut self, get: &str) -> String {
        let literal = self.one(&[
            "datetime(\"1970-01-01\")",
            "datetime(\"1969-12-31T23:59:59.999Z\")",
            "datetime(\"2020-02-29\")",
            "datetime(\"2020-01-01\")",
        ]);
        let operator = self.one(&["<", "<=", ">", ">=", "==", "!="]);
        match self.rng.random_range(0..5) {
            0 => format!("{get}.toDate() == {literal}"),
            1 => format!(
                "{get}.offset(duration(\"{}\")) {operator} {literal}",
                self.one(&["1d", "-1ms", "-10h"])
            ),
            2 => format!(
                "{get}.toTime() {operator} duration(\"{}\")",
                self.one(&["0ms", "1s", "500ms"])
            ),
            3 => format!(
                "{get}.durationSince({literal}).toDays() {operator} {}",
                self.one(&["0", "1", "-1"])
            ),
            _ => format!("{get} {operator} {literal}"),
        }
    }

    /// What no row changes.
    fn caller(&mut self) -> String {
        match self.rng.random_range(0..6) {
            0 => {
                let role = &self.roles[self.rng.random_range(0..self.roles.len())];
                format!("principal in Lakegate::Role::\"{role}\"")
            }
            1 => "context.mfa".to_owned(),
            2 => format!("principal.clearance > {}", self.one(&["0", "1", "2"])),
            3 => "principal.kind == \"service\"".to_owned(),
            4 => "context.ip.isInRange(ip(\"10.0.0.0/8\"))".to_owned(),
            _ => "context has purpose && context.purpose == \"fraud\"".to_owned(),
        }
    }
}
