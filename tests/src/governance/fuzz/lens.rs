//! Which view does a random lake have, and what shows through it? governance.md §3 "Views": rights of its reader, or of its definer.

use std::fmt::Write as _;

use rand::{Rng, rngs::StdRng, seq::SliceRandom};

use super::{
    authority::{Authority, Thing, Verdict, uid},
    guarded::TAGS,
    person::Person,
    rules::Grant,
    view::{Sight, View},
};
use crate::fuzz::{
    cell::Cell,
    condition::Condition,
    data::{Column, Table},
};

/// A view over some columns of one table: `v0`.
#[derive(Clone, Debug)]
pub struct Lens {
    /// The table, by number.
    pub base: usize,
    columns: Vec<usize>,
    condition: Option<Condition>,
    /// Whose rights it lends; `None`: its reader's.
    pub definer: Option<Person>,
}

/// What shows through a view.
#[derive(Clone, Debug)]
pub struct Through {
    /// Of the view's columns, by number; empty: it is missing.
    shown: Vec<usize>,
    /// What its body sees of the table.
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    /// As its reader.
    Reader(View),
    /// As its definer, and the restrictive filters that bind its readers.
    Definer(View, View),
}

pub const NAME: &str = "v0";

impl Lens {
    /// Over columns that `seen` has, but for a few; `None` where there are none.
    pub fn random(
        rng: &mut StdRng,
        (base, table): (usize, &Table),
        seen: &View,
        definer: Option<Person>,
    ) -> Option<Self> {
        let mut columns = seen.shown.clone();
        columns.retain(|at| table.columns[*at].field().is_none());
        columns.shuffle(rng);
        columns.truncate(rng.random_range(1..=columns.len().max(1)));
        columns.sort_unstable();
        // What its reader may not see of the table hides an invoker view.
        if definer.is_none() && rng.random_bool(0.15) {
            // The first is no field of a struct.
            columns = vec![0];
        }
        if columns.is_empty() {
            return None;
        }
        let named: Vec<Column> = columns.iter().map(|at| table.columns[*at].clone()).collect();
        let condition = rng.random_bool(0.6).then(|| {
            loop {
                let condition = Condition::random(rng, &named, 0);
                if condition.is_plain() && !matches!(condition, Condition::Constant(_) | Condition::Between(..)) {
                    break condition;
                }
            }
        });
        Some(Self {
            base,
            columns,
            condition,
            definer,
        })
    }

    /// Its columns as those of a table.
    pub fn columns(&self, table: &Table) -> Vec<Column> {
        self.columns.iter().map(|at| table.columns[*at].clone()).collect()
    }

    /// Its line of `views`.
    pub fn declaration(&self, prefix: &str, table: &Table) -> String {
        let names: Vec<String> = self.columns(table).into_iter().map(|column| column.name).collect();
        let mut sql = format!("SELECT {} FROM {prefix}.{}", names.join(", "), table.name);
        if let Some(condition) = &self.condition {
            let _ = write!(sql, " WHERE {}", condition.sql());
        }
        let sql = sql.replace('\\', "\\\\").replace('"', "\\\"");
        let security = self.definer.as_ref().map_or_else(String::new, |definer| {
            format!(", security: {{definer: \"user:{}\"}}", definer.name)
        });
        format!("  {prefix}.{NAME}: {{sql: \"{sql}\"{security}}}\n")
    }

    /// What the definer must hold.
    pub fn lent(definer: &Person, table: &Table) -> Grant {
        Grant {
            to: format!("user:{}", definer.name),
            privilege: "select",
            object: format!("table:PREFIX.{}", table.name),
            passed_on: true,
        }
    }

    /// The view and its columns, with the more restrictive of the tags that they inherit and those of what they show.
    pub fn things(
        &self,
        table: &Table,
        above: Option<&str>,
        of_column: &dyn Fn(usize) -> Option<&'static str>,
    ) -> Vec<Thing> {
        let text = |text: &str| cedar_policy::RestrictedExpression::new_string(text.to_owned());
        let tags = |tag: Option<&str>| tag.map(|tag| ("pii", text(tag))).into_iter().collect::<Vec<_>>();
        let rank = |tag: Option<&str>| tag.and_then(|tag| TAGS.iter().position(|known| *known == tag));
        let name = format!("PREFIX.{NAME}");
        let mut things = vec![Thing {
            uid: uid("View", &name),
            parents: vec![uid("Database", "PREFIX")],
            attributes: Vec::new(),
            tags: tags(above),
        }];
        for at in &self.columns {
            let (inherited, shown) = (above, of_column(*at));
            let tag = if rank(shown) > rank(inherited) {
                shown
            } else {
                inherited
            };
            let column = &table.columns[*at].name;
            things.push(Thing {
                uid: uid("Column", &format!("{name}.{column}")),
                parents: vec![uid("View", &name)],
                attributes: vec![("name", text(column))],
                tags: tags(tag),
            });
        }
        things
    }

    /// What its readers see: they need a right on the view; `base` is what they see of the table, `lent` what the definer does.
    pub fn through(
        &self,
        authority: &Authority,
        readers: &[Person],
        table: &Table,
        (base, lent): (&View, Option<View>),
    ) -> Through {
        let name = format!("PREFIX.{NAME}");
        let mut shown: Vec<usize> = (0..self.columns.len()).collect();
        for reader in readers {
            let decide =
                |kind: &str, name: &str| authority.decide(&uid("User", &reader.name), "Select", &uid(kind, name));
            if decide("View", &name) != Verdict::Allow {
                shown.clear();
            }
            shown.retain(|at| {
                let column = &table.columns[self.columns[*at]].name;
                decide("Column", &format!("{name}.{column}")) == Verdict::Allow
            });
        }
        let body = match lent {
            Some(lent) => Body::Definer(lent, base.clone()),
            None => Body::Reader(base.clone()),
        };
        let sees = |at: &usize| match &body {
            Body::Reader(view) | Body::Definer(view, _) => view.shown.contains(at),
        };
        if !self.columns.iter().all(sees) {
            shown.clear();
        }
        Through { shown, body }
    }

    /// What the body sees of a row, before its own condition. A value that is broken there fails the view: its author decides what
    /// it reads (ADR 0014).
    pub fn read(&self, through: &Through, columns: &[Column], row: &[Cell]) -> Option<Vec<Cell>> {
        if through.shown.is_empty() {
            return None;
        }
        let (view, bound) = match &through.body {
            Body::Reader(view) => (view, true),
            Body::Definer(view, readers) => (view, readers.sights().iter().all(|sight| sight.restricts(columns, row))),
        };
        view.row(columns, row).filter(|_| bound)
    }

    /// A row of the table as it is seen through the view.
    pub fn row(&self, through: &Through, columns: &[Column], row: &[Cell]) -> Option<Vec<Cell>> {
        let seen = self.read(through, columns, row)?;
        let (Body::Reader(view) | Body::Definer(view, _)) = &through.body;
        // As the condition reads it: over the columns that the view names, in their order.
        let named: Vec<Cell> = self
            .columns
            .iter()
            .map(|at| {
                view.shown
                    .iter()
                    .position(|shown| shown == at)
                    .map_or(Cell::Null, |at| seen[at].clone())
            })
            .collect();
        if self
            .condition
            .as_ref()
            .is_some_and(|condition| !condition.is_true(&named))
        {
            return None;
        }
        Some(through.shown.iter().map(|at| named[*at].clone()).collect())
    }

    /// The view as it is seen, as a table; `None`: it is missing.
    pub fn copy(&self, through: &Through, table: &Table) -> Option<Table> {
        if through.shown.is_empty() {
            return None;
        }
        let columns = self.columns(table);
        let rows = table
            .rows
            .iter()
            .filter_map(|row| self.row(through, &table.columns, row));
        Some(Table {
            name: NAME.to_owned(),
            columns: through.shown.iter().map(|at| columns[*at].clone()).collect(),
            rows: rows.collect(),
            partitioned: false,
            // In CSV an empty text is no value, and a mask may make one.
            csv: false,
        })
    }
}

/// What the definer sees alone.
pub fn alone(sight: Sight) -> View {
    View::of(vec![sight])
}
