//! What does one person gain or lose on one table, under the same circumstances?

use std::collections::{BTreeMap, BTreeSet};

use lakegate_catalog::id::ObjectId;

use super::{
    effect::{Affected, Direction, Happening, Part},
    sight::{Cell, Elsewhere, Rows, Sight},
};

/// Both sights of a table.
pub(super) struct Pair<'a> {
    pub object: &'a Affected,
    pub before: &'a Sight,
    pub after: &'a Sight,
    /// Members of the source that differ; empty for a table that is new.
    pub source: &'a [String],
}

/// A transition and the columns that make it.
type Transitions = BTreeMap<(Direction, String, String, bool), BTreeSet<String>>;

impl Pair<'_> {
    /// Everything that differs, without circumstances.
    pub(super) fn happenings(&self) -> Vec<Happening> {
        let mut found = Vec::new();
        self.name(&mut found);
        self.rows(&mut found);
        self.columns(&mut found);
        if !self.source.is_empty() && !self.after.rows.is_none() && !self.before.rows.is_none() {
            let mut happening = self.of(Direction::Gain, Part::Source, ("as it was", "another"));
            happening.items = self.source.to_vec();
            happening.compared = false;
            found.push(happening);
        }
        found
    }

    fn name(&self, found: &mut Vec<Happening>) {
        let (before, after) = (self.before, self.after);
        // Whoever sees rows sees the name, too.
        if after.listed && !before.listed && after.rows.is_none() {
            found.push(self.of(Direction::Gain, Part::Name, ("hidden", "listed")));
        }
        if before.listed && !after.listed && before.rows.is_none() {
            found.push(self.of(Direction::Loss, Part::Name, ("listed", "hidden")));
        }
    }

    fn rows(&self, found: &mut Vec<Happening>) {
        let (before, after) = (self.before, self.after);
        let unbound = |one: &Sight, other: &Sight| {
            let open = !one.rows.is_none() && !other.rows.is_none();
            open && other.bound.keys().any(|says| !one.bound.contains_key(says))
        };
        let gain = after.rows.exceeds(&before.rows) || unbound(after, before);
        let loss = before.rows.exceeds(&after.rows) || unbound(before, after);
        let texts = told_apart(rows_text(before), rows_text(after));
        for (wanted, direction) in [(gain, Direction::Gain), (loss, Direction::Loss)] {
            if wanted {
                let mut happening = self.of(direction, Part::Rows, (&texts.0, &texts.1));
                happening.compared = !(gain && loss);
                found.push(happening);
            }
        }
    }

    fn columns(&self, found: &mut Vec<Happening>) {
        let mut transitions = Transitions::new();
        let ids: BTreeSet<&ObjectId> = self.before.cells.keys().chain(self.after.cells.keys()).collect();
        for id in ids {
            let name = |cell: &Cell| cell.name.clone();
            let (old, new) = (self.before.cells.get(id), self.after.cells.get(id));
            let Some(name) = new.or(old).map(name) else { continue };
            let absent = || absent(&name);
            let (old, new) = (old.cloned().unwrap_or_else(absent), new.cloned().unwrap_or_else(absent));
            let texts = told_apart(cell_text(&old), cell_text(&new));
            let (gain, loss) = (exceeds(&new, &old), exceeds(&old, &new));
            let compared = comparable(&old, &new) && !(gain && loss);
            for (wanted, direction) in [(gain, Direction::Gain), (loss, Direction::Loss)] {
                if wanted {
                    let transition = (direction, texts.0.clone(), texts.1.clone(), compared);
                    transitions.entry(transition).or_default().insert(name.clone());
                }
            }
        }
        for ((direction, before, after, compared), columns) in transitions {
            let mut happening = self.of(direction, Part::Columns, (&before, &after));
            happening.items = columns.into_iter().collect();
            happening.compared = compared;
            found.push(happening);
        }
    }

    fn of(&self, direction: Direction, part: Part, (before, after): (&str, &str)) -> Happening {
        Happening {
            direction,
            object: self.object.clone(),
            part,
            items: Vec::new(),
            before: before.to_owned(),
            after: after.to_owned(),
            when: None,
            compared: true,
        }
    }
}

fn absent(name: &str) -> Cell {
    Cell {
        name: name.to_owned(),
        clear: Rows::None,
        elsewhere: Elsewhere::Hidden,
    }
}

/// Does a cell show something here that the other does not? Rows that come or go are told with the rows.
fn exceeds(this: &Cell, other: &Cell) -> bool {
    let (here, there) = (&this.elsewhere, &other.elsewhere);
    if matches!((here, there), (Elsewhere::Raw, Elsewhere::Raw)) {
        return false;
    }
    let more = match (here, there) {
        // Nothing stands elsewhere: where it is clear says it all.
        (Elsewhere::Raw, _) => false,
        (Elsewhere::Masked(mask), Elsewhere::Masked(known)) => mask.exceeds(known),
        _ => level(here) > level(there),
    };
    more || this.clear.exceeds(&other.clear) && !matches!(there, Elsewhere::Raw)
}

fn comparable(one: &Cell, other: &Cell) -> bool {
    match (&one.elsewhere, &other.elsewhere) {
        (Elsewhere::Masked(mask), Elsewhere::Masked(known)) => mask.is_comparable(known),
        _ => true,
    }
}

fn level(elsewhere: &Elsewhere) -> u8 {
    match elsewhere {
        Elsewhere::Hidden => 0,
        Elsewhere::Listed => 1,
        Elsewhere::Null => 2,
        Elsewhere::Masked(_) => 3,
        Elsewhere::Raw => 4,
    }
}

/// A difference that names do not show is said.
fn told_apart(before: String, after: String) -> (String, String) {
    let after = if before == after {
        format!("{after}, changed")
    } else {
        after
    };
    (before, after)
}

fn rows_text(sight: &Sight) -> String {
    let rows = match &sight.rows {
        Rows::None => return "none".to_owned(),
        Rows::All => "all".to_owned(),
        Rows::AnyOf(conditions) => format!("filter {}", names(conditions.values())),
    };
    if sight.bound.is_empty() {
        return rows;
    }
    let bound = sight.bound.values().cloned().collect::<BTreeSet<_>>();
    format!("{rows}, within {}", bound.into_iter().collect::<Vec<_>>().join(" and "))
}

fn cell_text(cell: &Cell) -> String {
    let elsewhere = match &cell.elsewhere {
        Elsewhere::Hidden => "hidden".to_owned(),
        Elsewhere::Listed => "listed".to_owned(),
        Elsewhere::Null => "NULL".to_owned(),
        Elsewhere::Masked(mask) => format!("masked by {}", mask.label),
        Elsewhere::Raw => return "clear".to_owned(),
    };
    match &cell.clear {
        Rows::None => elsewhere,
        Rows::All => format!("clear, else {elsewhere}"),
        Rows::AnyOf(conditions) => format!("clear on filter {}, else {elsewhere}", names(conditions.values())),
    }
}

fn names<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: BTreeSet<&str> = names.map(String::as_str).collect();
    names.into_iter().collect::<Vec<_>>().join(" or ")
}
