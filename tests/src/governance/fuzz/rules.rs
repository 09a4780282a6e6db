//! Who may do what in a random lake? Grants and Cedar policies, permits and forbids, with every kind of scope and condition.
//!
//! Objects are named below `PREFIX`, people by their names. One text for the lake's file, one for the plain authority.

use std::fmt::Write as _;

use rand::{Rng, rngs::StdRng};

use super::{
    guarded::{Guarded, TAGS},
    person::{People, Person},
};
use crate::fuzz::data::Table;

/// A statement of Cedar without its id.
#[derive(Clone, Debug)]
pub struct Rule(pub String);

/// A grant: to whom, privilege, object (`kind:name`).
#[derive(Clone, Debug)]
pub struct Grant {
    pub to: String,
    pub privilege: &'static str,
    pub object: String,
    /// With grant option.
    pub passed_on: bool,
}

/// What is allowed and forbidden.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    pub grants: Vec<Grant>,
    pub rules: Vec<Rule>,
}

/// What a scope may be made of.
struct Scope<'a> {
    people: &'a People,
    table: &'a Table,
    guarded: &'a Guarded,
    /// Databases and tags are declared here.
    declared: bool,
}

impl Rules {
    /// Rules for tables; `declared`: their database stands in the lake's file.
    pub fn random(rng: &mut StdRng, people: &People, tables: &[(&Table, &Guarded)], declared: bool) -> Self {
        let mut rules = Self::default();
        for (table, guarded) in tables {
            let scope = Scope {
                people,
                table,
                guarded,
                declared,
            };
            for person in &people.persons {
                scope.grants(rng, person, &mut rules);
            }
            for _ in 0..[0, 1, 1, 2, 3, 4][rng.random_range(0..6)] {
                rules.rules.push(scope.rule(rng));
            }
        }
        rules
    }

    /// The policies of the file, with ids that begin with `id`.
    pub fn cedar(&self, id: &str, prefix: &str) -> String {
        let mut text = String::new();
        for (number, rule) in self.rules.iter().enumerate() {
            let _ = writeln!(text, "@id(\"{id}.{number}\")\n{}", rule.0.replace("PREFIX", prefix));
        }
        text
    }

    /// Entries of `grants`.
    pub fn grants(&self, prefix: &str) -> String {
        let line = |grant: &Grant| {
            format!(
                "  - {{to: \"{}\", privileges: [{}], resource: \"{}\"{}}}\n",
                grant.to,
                grant.privilege,
                grant.object.replace("PREFIX", prefix),
                if grant.passed_on {
                    ", with_grant_option: true"
                } else {
                    ""
                }
            )
        };
        let mut lines: Vec<String> = Vec::new();
        for line in self.grants.iter().map(line) {
            // Twice the same is refused.
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        lines.concat()
    }

    /// Everything as plain policies.
    pub fn plain(&self) -> String {
        let mut text: String = self.rules.iter().map(|rule| format!("{}\n", rule.0)).collect();
        for grant in &self.grants {
            let (kind, name) = grant.to.split_once(':').expect("`kind:name`");
            let to = match kind {
                "user" => format!("principal == Lakegate::User::\"{name}\""),
                _ => format!("principal in Lakegate::Role::\"{name}\""),
            };
            let action = match grant.privilege {
                "select" => "Select",
                "select-filtered" => "SelectFiltered",
                "select-masked" => "SelectMasked",
                _ => "BypassFilter",
            };
            let (kind, name) = grant.object.split_once(':').expect("`kind:name`");
            let kind = match kind {
                "database" => "Database",
                "table" => "Table",
                "column" => "Column",
                "filter" => "DataFilter",
                "view" => "View",
                _ => "ColumnMask",
            };
            let _ = writeln!(
                text,
                "permit({to}, action == Lakegate::Action::\"{action}\", resource in Lakegate::{kind}::\"{name}\");"
            );
        }
        text
    }
}

impl Scope<'_> {
    fn name(&self) -> String {
        format!("PREFIX.{}", self.table.name)
    }

    fn column(&self, rng: &mut StdRng) -> String {
        let column = &self.table.columns[rng.random_range(0..self.table.columns.len())];
        let whole = rng.random_bool(0.4);
        format!("{}.{}", self.name(), if whole { column.top() } else { &column.name })
    }

    fn mask(&self, rng: &mut StdRng) -> Option<String> {
        let masks = &self.guarded.masks;
        let mask = masks.get(rng.random_range(0..masks.len().max(1)))?;
        Some(format!(
            "{}.{}/{}",
            self.name(),
            self.table.columns[mask.column].name,
            mask.name
        ))
    }

    fn filter(&self, rng: &mut StdRng) -> Option<String> {
        let filters = &self.guarded.filters;
        let filter = filters.get(rng.random_range(0..filters.len().max(1)))?;
        Some(format!("{}/{}", self.name(), filter.name))
    }

    /// What most users have.
    fn grants(&self, rng: &mut StdRng, person: &Person, rules: &mut Rules) {
        let mut grant = |rng: &mut StdRng, privilege, object: String| {
            let to = match (person.member, rng.random_range(0..4)) {
                (Some(_), 0) => format!("role:{}", self.people.roles[0]),
                (_, 1) => format!("role:{}", self.people.roles[rng.random_range(0..2)]),
                _ => format!("user:{}", person.name),
            };
            rules.grants.push(Grant {
                to,
                privilege,
                object,
                passed_on: false,
            });
        };
        let name = self.name();
        if rng.random_bool(0.2) {
            grant(rng, "select", format!("table:{name}"));
        }
        if self.declared && rng.random_bool(0.05) {
            grant(rng, "select", "database:PREFIX".to_owned());
        }
        for column in &self.table.columns {
            if rng.random_bool(0.12) {
                grant(rng, "select", format!("column:{name}.{}", column.name));
            }
        }
        for filter in &self.guarded.filters {
            let object = format!("filter:{name}/{}", filter.name);
            if filter.restrictive {
                if rng.random_bool(0.2) {
                    grant(rng, "bypass-filter", object);
                }
            } else if rng.random_bool(0.85) {
                grant(rng, "select-filtered", object);
            }
        }
        for mask in &self.guarded.masks {
            if rng.random_bool(0.5) {
                let column = &self.table.columns[mask.column].name;
                grant(rng, "select-masked", format!("mask:{name}.{column}/{}", mask.name));
            }
        }
    }

    /// One policy.
    fn rule(&self, rng: &mut StdRng) -> Rule {
        let forbids = rng.random_bool(0.55);
        let effect = if forbids { "forbid" } else { "permit" };
        let principal = match rng.random_range(0..5) {
            0 => "principal".to_owned(),
            1 => "principal is Lakegate::User".to_owned(),
            2 => format!(
                "principal in Lakegate::Role::\"{}\"",
                self.people.roles[rng.random_range(0..2)]
            ),
            _ => format!("principal == Lakegate::User::\"{}\"", self.people.somebody(rng)),
        };
        let (action, resource, kind) = self.object(rng, forbids);
        let mut text = format!("{effect}({principal}, {action}, {resource})");
        if rng.random_bool(0.6) {
            let _ = write!(text, "\nwhen {{ {} }}", self.condition(rng, kind));
        }
        if rng.random_bool(0.25) {
            let _ = write!(text, "\nunless {{ {} }}", self.condition(rng, kind));
        }
        Rule(text + ";")
    }

    /// Action, resource and the type that all resources have.
    fn object(&self, rng: &mut StdRng, forbids: bool) -> (String, String, &'static str) {
        let name = self.name();
        let one = |action: &str| format!("action == Lakegate::Action::\"{action}\"");
        let is = |operator: &str, kind: &str, name: &str| format!("resource {operator} Lakegate::{kind}::\"{name}\"");
        let table = is("in", "Table", &name);
        match rng.random_range(0..11) {
            0 => (one("Select"), is("==", "Table", &name), "Table"),
            1 => (one("Select"), table, ""),
            2 => (one("Select"), is("==", "Column", &self.column(rng)), "Column"),
            3 => (one("Select"), is("in", "Column", &self.column(rng)), "Column"),
            4 => (
                one("Select"),
                format!("resource is Lakegate::Column in Lakegate::Table::\"{name}\""),
                "Column",
            ),
            5 if self.declared => (one("Select"), is("in", "Database", "PREFIX"), ""),
            6 => match self.mask(rng) {
                Some(mask) => (one("SelectMasked"), is("==", "ColumnMask", &mask), "ColumnMask"),
                None => (one("SelectMasked"), table, "ColumnMask"),
            },
            7 => (
                one("SelectMasked"),
                format!("resource is Lakegate::ColumnMask in Lakegate::Table::\"{name}\""),
                "ColumnMask",
            ),
            8 => match self.filter(rng) {
                Some(filter) => (one("SelectFiltered"), is("==", "DataFilter", &filter), "DataFilter"),
                None => (one("SelectFiltered"), table, "DataFilter"),
            },
            9 if forbids => {
                let actions = match rng.random_range(0..2) {
                    0 => "action in Lakegate::Action::\"DataRead\"",
                    _ => "action in [Lakegate::Action::\"Select\", Lakegate::Action::\"SelectMasked\"]",
                };
                (actions.to_owned(), is("in", "Column", &self.column(rng)), "")
            }
            9 => (one("BypassFilter"), table, "DataFilter"),
            _ => (one("SelectFiltered"), table, "DataFilter"),
        }
    }

    fn condition(&self, rng: &mut StdRng, kind: &str) -> String {
        let tag = TAGS[rng.random_range(0..3)];
        let column = &self.table.columns[rng.random_range(0..self.table.columns.len())].name;
        match (rng.random_range(0..12), kind) {
            (0..=2, _) => format!("resource.hasTag(\"pii\") && resource.getTag(\"pii\") == \"{tag}\""),
            (3, _) => "!resource.hasTag(\"pii\")".to_owned(),
            (4, _) => "principal.hasTag(\"dept\") && principal.getTag(\"dept\").contains(\"a\")".to_owned(),
            (5, _) => format!("principal.clearance > {}", rng.random_range(0..3)),
            (6, _) => "context.mfa".to_owned(),
            (7, _) => "context.ip.isInRange(ip(\"10.0.0.0/8\")) || principal.kind == \"service\"".to_owned(),
            (8, _) if rng.random_bool(0.2) => "context has on_behalf_of".to_owned(),
            (8, _) if rng.random_bool(0.2) => "context has via_view".to_owned(),
            (8, _) => "context has purpose && context.purpose == \"fraud\"".to_owned(),
            (9, "Column") => format!("resource.name == \"{column}\""),
            (9 | 10, "ColumnMask") => format!("resource.rank < {}", [15, 25][rng.random_range(0..2)]),
            (9, "DataFilter") => "resource.restrictive".to_owned(),
            // A policy that errs for some denies them.
            (10, _) if rng.random_bool(0.2) => {
                "principal.clearance + 9223372036854775806 > 0 || context.client == \"rest\"".to_owned()
            }
            _ => format!(
                "principal in Lakegate::Role::\"{}\"",
                self.people.roles[rng.random_range(0..2)]
            ),
        }
    }
}
