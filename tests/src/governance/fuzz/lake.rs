//! One random lake: tables, what protects them, who may what; two databases that differ only outside of one principal's view, and a
//! copy of that view.

use std::{fmt::Write as _, net::IpAddr};

use cedar_policy::{EntityUid, RestrictedExpression};
use lakegate_query::context::Caller;
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::{
    authority::{Authority, Thing, uid},
    blur::Blur,
    guarded::Guarded,
    has,
    lens::{self, Lens, Through},
    person::People,
    rules::{Grant, Rules},
    source::Source,
    view::{Sight, View},
};
use crate::fuzz::{
    cell::{Cell, Type},
    data::{Column, Table, declared},
};

/// Texts of hidden rows and cells in the two databases.
pub const CANARIES: [&str; 2] = ["CANARY", "CHANGED"];

/// The variants of a lake: two databases that look the same, and the copy.
pub const VARIANTS: [&str; 3] = ["a", "b", "c"];

/// A lake.
#[derive(Clone, Debug)]
pub struct Lake {
    pub number: u64,
    pub seed: u64,
    pub source: Source,
    pub people: People,
    pub tables: Vec<Table>,
    pub guarded: Vec<Guarded>,
    pub rules: Rules,
    pub views: Vec<View>,
    pub lens: Option<Lens>,
    pub through: Option<Through>,
    /// Tag of the databases.
    tag: Option<&'static str>,
}

impl Lake {
    pub fn random(seed: u64, number: u64, source: Source) -> Self {
        let seed = seed.wrapping_mul(1_000_003).wrapping_add(number);
        // Most lakes show something.
        let mut tries = (0..4).map(|at: u64| Self::drawn(seed.wrapping_add(at << 40), number, source));
        tries
            .find(|lake| lake.views.iter().any(|view| !view.is_closed()))
            .unwrap_or_else(|| Self::drawn(seed, number, source))
    }

    fn drawn(seed: u64, number: u64, source: Source) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let people = People::random(&mut rng, number);
        let tables: Vec<Table> = (0..2)
            .map(|index| source.table(&mut rng, &format!("t{index}")))
            .collect();
        let guarded: Vec<Guarded> = tables
            .iter()
            .map(|table| {
                let mut guarded = Guarded::random(&mut rng, table, &people);
                if !source.is_declared() {
                    guarded.tag = None;
                    guarded.column_tags.fill(None);
                }
                guarded
            })
            .collect();
        let pairs: Vec<(&Table, &Guarded)> = tables.iter().zip(&guarded).collect();
        let rules = Rules::random(&mut rng, &people, &pairs, source.is_declared());
        let tag = (source.is_declared() && rng.random_bool(0.2)).then_some("low");
        let mut lake = Self {
            number,
            seed,
            source,
            people,
            tables,
            guarded,
            rules,
            views: Vec::new(),
            lens: None,
            through: None,
            tag,
        };
        lake.views = lake.views_under(&lake.rules.plain());
        lake.look(&mut rng);
        lake
    }

    /// Adds a view, where views can be made.
    fn look(&mut self, rng: &mut StdRng) {
        if !has("views") || !self.source.is_declared() || rng.random_bool(0.4) {
            return;
        }
        let (base, definer) = (rng.random_range(0..self.tables.len()), self.people.definer.clone());
        let definer = rng.random_bool(0.5).then_some(definer);
        let mut rules = self.rules.clone();
        for person in &self.people.persons {
            if rng.random_bool(0.85) {
                rules.grants.push(Grant {
                    to: format!("user:{}", person.name),
                    privilege: "select",
                    object: format!("view:PREFIX.{}", lens::NAME),
                    passed_on: false,
                });
            }
        }
        if let Some(definer) = &definer {
            rules.grants.push(Lens::lent(definer, &self.tables[base]));
        }
        let policies = rules.plain();
        let seen = match definer {
            Some(_) => self.lent(&policies, base),
            None => self.views[base].clone(),
        };
        self.lens = Lens::random(rng, (base, &self.tables[base]), &seen, definer);
        if self.lens.is_some() {
            self.rules = rules;
            self.look_again();
        }
    }

    /// What the definer sees of a table.
    fn lent(&self, policies: &str, base: usize) -> View {
        let authority = self.authority(policies, Some(uid("View", &format!("PREFIX.{}", lens::NAME))));
        let guarded = self.guarded[base].of(&self.people, &self.people.definer);
        lens::alone(Sight::of(&authority, guarded, &self.tables[base]))
    }

    /// Decides again.
    pub fn look_again(&mut self) {
        let policies = self.rules.plain();
        self.views = self.views_under(&policies);
        self.through = self.lens.as_ref().map(|lens| {
            let lent = lens.definer.as_ref().map(|_| self.lent(&policies, lens.base));
            let (table, seen) = (&self.tables[lens.base], &self.views[lens.base]);
            lens.through(
                &self.authority(&policies, None),
                &self.people.persons,
                table,
                (seen, lent),
            )
        });
    }

    /// What is seen of each table under these policies.
    pub fn views_under(&self, policies: &str) -> Vec<View> {
        let authority = self.authority(policies, None);
        let pairs = self.tables.iter().zip(&self.guarded);
        pairs
            .map(|(table, guarded)| {
                let each = self.people.persons.iter();
                let sights = each.map(|person| Sight::of(&authority, guarded.of(&self.people, person), table));
                View::of(sights.collect())
            })
            .collect()
    }

    fn authority(&self, policies: &str, via: Option<EntityUid>) -> Authority {
        let mut things = self.people.things();
        let nothing = |kind: &str, name: &str, parents: Vec<_>| Thing {
            uid: uid(kind, name),
            parents,
            attributes: Vec::new(),
            tags: Vec::new(),
        };
        things.push(nothing("Catalog", "C", Vec::new()));
        things.push(nothing("Database", "PREFIX", vec![uid("Catalog", "C")]));
        for (table, guarded) in self.tables.iter().zip(&self.guarded) {
            things.extend(self.things(table, guarded));
        }
        if let Some(lens) = &self.lens {
            let (table, guarded) = (&self.tables[lens.base], &self.guarded[lens.base]);
            let of_column = |at: usize| guarded.column_tags[at].or(guarded.tag).or(self.tag);
            things.extend(lens.things(table, self.tag, &of_column));
        }
        Authority::new(policies, things, self.people.context(via))
    }

    /// A table and everything in it, with the tags that it has or inherits.
    fn things(&self, table: &Table, guarded: &Guarded) -> Vec<Thing> {
        let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
        let tags = |tag: Option<&str>| tag.map(|tag| ("pii", text(tag))).into_iter().collect::<Vec<_>>();
        let name = format!("PREFIX.{}", table.name);
        let of_table = guarded.tag.or(self.tag);
        let of_column = |at: usize| guarded.column_tags[at].or(of_table);
        let mut things = vec![Thing {
            uid: uid("Table", &name),
            parents: vec![uid("Database", "PREFIX")],
            attributes: Vec::new(),
            tags: tags(of_table),
        }];
        for (at, column) in table.columns.iter().enumerate() {
            let mut parent = uid("Table", &name);
            if let Some((top, _)) = column.field() {
                parent = uid("Column", &format!("{name}.{top}"));
                if !things.iter().any(|thing| thing.uid == parent) {
                    things.push(Thing {
                        uid: parent.clone(),
                        parents: vec![uid("Table", &name)],
                        attributes: vec![("name", text(top))],
                        tags: tags(of_column(at)),
                    });
                }
            }
            things.push(Thing {
                uid: uid("Column", &format!("{name}.{}", column.name)),
                parents: vec![parent],
                attributes: vec![("name", text(&column.name))],
                tags: tags(of_column(at)),
            });
        }
        for filter in &guarded.filters {
            things.push(Thing {
                uid: uid("DataFilter", &format!("{name}/{}", filter.name)),
                parents: vec![uid("Table", &name)],
                attributes: vec![("restrictive", RestrictedExpression::new_bool(filter.restrictive))],
                tags: tags(of_table),
            });
        }
        for mask in &guarded.masks {
            let column = format!("{name}.{}", table.columns[mask.column].name);
            let rank = i64::try_from(mask.rank).expect("a rank");
            things.push(Thing {
                uid: uid("ColumnMask", &format!("{column}/{}", mask.name)),
                parents: vec![uid("Column", &column)],
                attributes: vec![("rank", RestrictedExpression::new_long(rank))],
                tags: tags(of_column(mask.column)),
            });
        }
        things
    }

    /// The tables of a variant; `None`: closed, and so absent from the copy.
    pub fn variant(&self, variant: &str) -> Vec<Option<Table>> {
        let each = self.tables.iter().zip(&self.views).enumerate();
        each.map(|(at, (table, view))| match variant {
            "c" => view.copy(table),
            _ => {
                let mut rng = StdRng::seed_from_u64(self.seed ^ (at as u64 + 1) ^ u64::from(variant.as_bytes()[0]));
                let label = if variant == "a" { CANARIES[0] } else { CANARIES[1] };
                let through = self.lens.as_ref().zip(self.through.as_ref());
                let blur = Blur {
                    source: self.source,
                    table,
                    view,
                    label,
                    through: through.filter(|(lens, _)| lens.base == at),
                };
                Some(blur.apply(&mut rng))
            }
        })
        .collect()
    }

    /// The view as a table of the copy; `None`: there is none, or it is missing.
    pub fn seen_through(&self) -> Option<Table> {
        let (lens, through) = (self.lens.as_ref()?, self.through.as_ref()?);
        lens.copy(through, &self.tables[lens.base])
    }

    /// Lines of `views`.
    pub fn view_lines(&self, variant: &str) -> String {
        let (catalog, database) = self.place(variant);
        let lens = self.lens.as_ref().filter(|_| variant != "c");
        lens.map_or_else(String::new, |lens| {
            lens.declaration(&format!("{catalog}.{database}"), &self.tables[lens.base])
        })
    }

    /// The caller that the user of this lake is.
    pub fn caller(&self, found: Caller) -> Caller {
        Caller {
            mfa: self.people.has_mfa(),
            ip: IpAddr::V4(self.people.ip),
            ..found
        }
    }

    /// Catalog and database of a variant.
    pub fn place(&self, variant: &str) -> (String, String) {
        let name = self.database(variant);
        self.source.place(&name)
    }

    /// The name that all names of a variant have in them.
    pub fn database(&self, variant: &str) -> String {
        format!("db{}{variant}", self.number)
    }

    /// The name of the table that its filters look up, in three parts.
    pub fn mapping(&self) -> String {
        let (catalog, database) = self.source.place("gov");
        format!("{catalog}.{database}.m{}", self.number)
    }

    /// What lies there: the values of those who ask, and of nobody else.
    pub fn mapping_table(&self) -> Table {
        let column = |name: &str, data_type| Column {
            name: name.to_owned(),
            data_type,
        };
        let mut rows = vec![vec![
            Cell::Text("x".to_owned()),
            Cell::Text("abcdefg".to_owned()),
            Cell::Int(3),
        ]];
        for person in self.people.persons.iter().chain([&self.people.definer]) {
            let name = || Cell::Text(person.name.clone());
            rows.push(vec![name(), Cell::Null, Cell::Null]);
            let texts = person.mapping("s").into_iter();
            rows.extend(texts.map(|text| vec![name(), text, Cell::Null]));
            let numbers = person.mapping("n").into_iter();
            rows.extend(numbers.map(|number| vec![name(), Cell::Null, number]));
        }
        Table {
            name: format!("m{}", self.number),
            columns: vec![
                column("user_id", Type::Varchar),
                column("s", Type::Varchar),
                column("n", Type::Bigint),
            ],
            rows,
            partitioned: false,
            csv: self.source == Source::Sqlite,
        }
    }

    /// Its lines of `tables`.
    pub fn mapping_declaration(&self) -> String {
        let name = self.mapping();
        if self.source.is_declared() {
            format!("  {name}:\n{}", self.mapping_table().declaration())
        } else {
            format!("  {name}: {{}}\n")
        }
    }

    /// Lines of `databases`.
    pub fn databases(&self, variant: &str) -> String {
        let tag = self.tag.filter(|_| variant != "c");
        let tags = tag.map_or_else(String::new, |tag| format!(", tags: {{pii: {tag}}}"));
        let name = self.database(variant);
        format!("  lake.{name}: {{location: \"{name}/\"{tags}}}\n")
    }

    /// Lines of `tables`.
    pub fn declarations(&self, variant: &str) -> String {
        let (catalog, database) = self.place(variant);
        let mut text = String::new();
        for (table, guarded) in self.variant(variant).iter().zip(&self.guarded) {
            let Some(table) = table else { continue };
            let governed = variant != "c";
            let rest = if governed {
                guarded.declaration(table, &self.mapping())
            } else {
                String::new()
            };
            if self.source.is_declared() {
                let tagged = if governed {
                    tagged(table, guarded)
                } else {
                    table.declaration()
                };
                let _ = write!(text, "  {catalog}.{database}.{}:\n{tagged}{rest}", table.name);
            } else if !rest.is_empty() {
                let _ = write!(text, "  {catalog}.{database}.{}:\n{rest}", table.name);
            } else if governed {
                // Policies name what is declared.
                let _ = writeln!(text, "  {catalog}.{database}.{}: {{}}", table.name);
            }
        }
        if let Some(table) = self.seen_through().filter(|_| variant == "c") {
            let _ = write!(text, "  {catalog}.{database}.{}:\n{}", table.name, table.declaration());
        }
        text
    }

    /// Everything about it, for whoever looks for the reason of a difference.
    pub fn describe(&self) -> String {
        let mut text = format!("{:?}\n{}\n", self.people, self.rules.plain());
        for (at, table) in self.tables.iter().enumerate() {
            let shown = &self.views[at].shown;
            let _ = writeln!(
                text,
                "{}{shown:?}",
                self.guarded[at].declaration(table, &self.mapping())
            );
        }
        text.push_str(&self.view_lines("a"));
        for variant in VARIANTS {
            for table in self.variant(variant).iter().flatten() {
                let _ = writeln!(text, "{variant}: {table}");
            }
        }
        text
    }
}

/// The table's lines with tags.
fn tagged(table: &Table, guarded: &Guarded) -> String {
    let mut text = table.declaration();
    for (column, tag) in table.columns.iter().zip(&guarded.column_tags) {
        if let Some(tag) = tag {
            let own: Vec<Column> = table
                .columns
                .iter()
                .filter(|other| other.top() == column.top())
                .cloned()
                .collect();
            let plain = declared(&own);
            let with = plain.replace('}', &format!(", tags: {{pii: {tag}}}}}"));
            text = text.replace(&plain, &with);
        }
    }
    if let Some(tag) = guarded.tag {
        let _ = writeln!(text, "    tags: {{pii: {tag}}}");
    }
    text
}
