//! Who asks about a random lake? Users with roles, attributes and the circumstances of their request, as plain Cedar knows them.

use std::{fmt::Write as _, net::Ipv4Addr};

use cedar_policy::{Context, Entity, EntityUid, RestrictedExpression};
use rand::{Rng, rngs::StdRng};

use super::{
    authority::{Thing, entity, uid},
    has,
    row_body::Reader,
};
use crate::fuzz::cell::Cell;

/// A user.
#[derive(Clone, Debug)]
pub struct Person {
    pub name: String,
    /// Which of the roles the user has.
    pub member: Option<usize>,
    clearance: i64,
    kind: &'static str,
    /// Values of the attribute `dept`; `None`: without it.
    pub dept: Option<Vec<&'static str>>,
    /// What the mapping says of the user.
    pub mapped: Mapped,
}

/// Rows of the mapping.
#[derive(Clone, Debug, Default)]
pub struct Mapped {
    pub texts: Vec<&'static str>,
    pub numbers: Vec<i64>,
}

/// The people of a lake.
#[derive(Clone, Debug)]
pub struct People {
    /// Who asks, and perhaps on whose behalf.
    pub persons: Vec<Person>,
    /// Whose rights a view may lend.
    pub definer: Person,
    /// The second is a member of the first.
    pub roles: [String; 2],
    mfa: bool,
    pub ip: Ipv4Addr,
}

impl Person {
    fn random(rng: &mut StdRng, name: String) -> Self {
        let dept = match rng.random_range(0..6) {
            0 => None,
            1 => Some(Vec::new()),
            2 => Some(vec!["bb"]),
            _ => Some(vec!["a", "bb", "ü"]),
        };
        let mapped = Mapped {
            texts: ["a", "bb", "ü", "A"]
                .into_iter()
                .filter(|_| rng.random_bool(0.4))
                .collect(),
            numbers: [0, 1, 2, 7].into_iter().filter(|_| rng.random_bool(0.4)).collect(),
        };
        Self {
            name,
            member: [None, Some(0), Some(1), Some(1)][rng.random_range(0..4)],
            clearance: rng.random_range(0..4),
            kind: ["human", "service"][rng.random_range(0..2)],
            dept,
            mapped,
        }
    }

    /// What the mapping finds in its column `s` or `n`.
    pub fn mapping(&self, column: &str) -> Vec<Cell> {
        match column {
            "s" => self
                .mapped
                .texts
                .iter()
                .map(|text| Cell::Text((*text).to_owned()))
                .collect(),
            _ => self.mapped.numbers.iter().map(|number| Cell::Int(*number)).collect(),
        }
    }
}

impl People {
    pub fn random(rng: &mut StdRng, number: u64) -> Self {
        let mut persons = vec![Person::random(rng, format!("u{number}"))];
        if has("behalf") && rng.random_bool(0.2) {
            persons.push(Person::random(rng, format!("w{number}")));
        }
        Self {
            persons,
            definer: Person::random(rng, format!("d{number}")),
            roles: [format!("x{number}"), format!("y{number}")],
            mfa: rng.random_bool(0.5),
            ip: [Ipv4Addr::LOCALHOST, Ipv4Addr::new(10, 1, 2, 3)][rng.random_range(0..2)],
        }
    }

    /// Who submits.
    pub fn user(&self) -> &str {
        &self.persons[0].name
    }

    /// On whose behalf.
    pub fn behalf(&self) -> Option<&str> {
        self.persons.get(1).map(|person| person.name.as_str())
    }

    pub fn has_mfa(&self) -> bool {
        self.mfa
    }

    /// Those who ask, and the definer.
    pub fn everybody(&self) -> impl Iterator<Item = &Person> {
        self.persons.iter().chain([&self.definer])
    }

    /// One of those who must see what is shown.
    pub fn somebody(&self, rng: &mut StdRng) -> &str {
        &self.persons[rng.random_range(0..self.persons.len())].name
    }

    /// Everybody and all roles.
    pub fn things(&self) -> Vec<Thing> {
        let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
        let role = |at: usize| uid("Role", &self.roles[at]);
        let bare = |uid, parents| Thing {
            uid,
            parents,
            attributes: Vec::new(),
            tags: Vec::new(),
        };
        let mut things = vec![
            bare(role(0), Vec::new()),
            bare(role(1), vec![role(0)]),
            bare(uid("Workgroup", "primary"), Vec::new()),
        ];
        for person in self.everybody() {
            let dept = person.dept.as_ref().map(|values| {
                let set = values.iter().map(|value| text(value));
                ("dept", RestrictedExpression::new_set(set))
            });
            things.push(Thing {
                uid: uid("User", &person.name),
                parents: person.member.map(role).into_iter().collect(),
                attributes: vec![
                    ("kind", text(person.kind)),
                    ("clearance", RestrictedExpression::new_long(person.clearance)),
                ],
                tags: dept.into_iter().collect(),
            });
        }
        things
    }

    /// The request, with the names of Cedar's context; through a view of a definer.
    pub fn context(&self, via: Option<EntityUid>) -> Vec<(&'static str, RestrictedExpression)> {
        let mut context = vec![
            ("ip", RestrictedExpression::new_ip(self.ip.to_string())),
            ("mfa", RestrictedExpression::new_bool(self.mfa)),
            ("client", RestrictedExpression::new_string("internal".to_owned())),
            (
                "workgroup",
                RestrictedExpression::new_entity_uid(uid("Workgroup", "primary")),
            ),
        ];
        if let Some(name) = self.behalf() {
            let user = RestrictedExpression::new_entity_uid(uid("User", name));
            context.push(("on_behalf_of", user));
        }
        context.extend(via.map(|view| ("via_view", RestrictedExpression::new_entity_uid(view))));
        context
    }

    /// What row bodies know of one of them.
    pub fn reader(&self, person: &Person) -> Reader {
        let context = self
            .context(None)
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        let people: Vec<Entity> = self.things().into_iter().map(entity).collect();
        Reader {
            principal: uid("User", &person.name),
            people,
            context: Context::from_pairs(context).expect("a context"),
        }
    }

    /// Lines of `roles`.
    pub fn role_lines(&self) -> String {
        let [x, y] = &self.roles;
        format!("  {x}: {{}}\n  {y}: {{member_of: [{x}]}}\n")
    }

    /// Lines of `users`.
    pub fn user_lines(&self) -> String {
        let mut lines = String::new();
        for person in self.everybody() {
            let roles = person.member.map_or_else(String::new, |at| self.roles[at].clone());
            let dept = person.dept.as_ref().map_or_else(String::new, |values| {
                let values: Vec<String> = values.iter().map(|value| format!("\"{value}\"")).collect();
                format!(", attributes: {{dept: [{}]}}", values.join(", "))
            });
            let _ = writeln!(
                lines,
                "  {}: {{roles: [{roles}], kind: {}, clearance: {}{dept}}}",
                person.name, person.kind, person.clearance
            );
        }
        lines
    }

    /// Lines of `grants`: who may ask on whose behalf.
    pub fn behalf_lines(&self) -> String {
        let user = self.user();
        self.behalf().map_or_else(String::new, |behalf| {
            format!("  - {{to: \"user:{user}\", privileges: [impersonate], resource: \"user:{behalf}\"}}\n")
        })
    }
}
