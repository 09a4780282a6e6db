//! What does a caller see of one table? Rules 1 to 5 of governance.md §3, row by row and cell by cell; and what two users see who ask
//! together (§2.1, impersonation).

use std::cmp::Ordering;

use cedar_policy::EntityUid;

use super::{
    authority::{Authority, Verdict, uid},
    guarded::Guarded,
    mask::Function,
};
use crate::fuzz::{
    cell::Cell,
    data::{Column, Table},
};

/// What is seen of a table.
#[derive(Clone, Debug)]
pub struct View {
    /// Columns in their order; empty: the table is closed.
    pub shown: Vec<usize>,
    /// Of one user, or of two who both must see what is shown.
    sights: Vec<Sight>,
}

/// Decisions about a table for one user, and what they make of its rows.
#[derive(Clone, Debug)]
pub struct Sight {
    shown: Vec<usize>,
    /// Filters by number (`None`: all rows) with the columns that they open.
    scope: Vec<(Option<usize>, Vec<usize>)>,
    restrictive: Vec<usize>,
    /// Rank and function of the mask of each column.
    masks: Vec<Option<(usize, Function)>>,
    /// The filters, as they read for this user.
    guarded: Guarded,
}

/// What stands in a cell, by what it shows: first the most.
enum Level<'a> {
    Clear,
    Masked(usize, &'a Function),
    Null,
}

impl Sight {
    /// Decides about everything in the table, whose name is `PREFIX.table` in the policies.
    pub fn of(authority: &Authority, guarded: Guarded, table: &Table) -> Self {
        let decide = |action: &str, object: &EntityUid| authority.decide(guarded.principal(), action, object);
        let allows = |action: &str, object: &EntityUid| decide(action, object) == Verdict::Allow;
        let name = format!("PREFIX.{}", table.name);
        let all: Vec<usize> = (0..table.columns.len()).collect();
        let column = |at: usize| uid("Column", &format!("{name}.{}", table.columns[at].name));
        let filter = |at: usize| uid("DataFilter", &format!("{name}/{}", guarded.filters[at].name));
        let whole = decide("Select", &uid("Table", &name));
        // A forbid on a struct closes its fields, whatever they decide themselves.
        let select = |at: usize| match table.columns[at].field() {
            Some((top, _)) if decide("Select", &uid("Column", &format!("{name}.{top}"))) == Verdict::Forbidden => {
                Verdict::Forbidden
            }
            _ => decide("Select", &column(at)),
        };
        let (mut known, mut closed) = (Vec::new(), Vec::new());
        for at in &all {
            match select(*at) {
                Verdict::Allow => known.push(*at),
                Verdict::Forbidden => closed.push(*at),
                Verdict::NoPermit => {}
            }
        }
        let masks: Vec<Option<(usize, Function)>> = all
            .iter()
            .map(|at| {
                let of_column = guarded.masks.iter().filter(|mask| mask.column == *at);
                let permitted = of_column.filter(|mask| {
                    let mask = format!("{name}.{}/{}", table.columns[*at].name, mask.name);
                    allows("SelectMasked", &uid("ColumnMask", &mask))
                });
                let lowest = permitted.min_by_key(|mask| mask.rank);
                lowest.map(|mask| (mask.rank, mask.function.clone()))
            })
            .collect();
        let mut scope: Vec<(Option<usize>, Vec<usize>)> = Vec::new();
        if whole == Verdict::Allow {
            scope.push((None, known.clone()));
        }
        let mut restrictive = Vec::new();
        for (at, described) in guarded.filters.iter().enumerate() {
            if described.restrictive {
                if !allows("BypassFilter", &filter(at)) {
                    restrictive.push(at);
                }
            } else if allows("SelectFiltered", &filter(at)) {
                let opened = all
                    .iter()
                    .filter(|column| described.columns.contains(column) || known.contains(column));
                scope.push((Some(at), opened.copied().collect()));
            }
        }
        for (_, columns) in &mut scope {
            columns.retain(|column| !closed.contains(column));
        }
        let masked = masks.iter().any(Option::is_some);
        scope.retain(|(_, columns)| !columns.is_empty() || masked);
        let mut shown: Vec<usize> = all
            .into_iter()
            .filter(|at| masks[*at].is_some() || scope.iter().any(|(_, columns)| columns.contains(at)))
            .collect();
        if whole == Verdict::Forbidden || scope.is_empty() {
            shown.clear();
        }
        Self {
            shown,
            scope,
            restrictive,
            masks,
            guarded,
        }
    }

    /// Columns that are raw in a row; `None`: the row is not seen.
    fn clear(&self, columns: &[Column], row: &[Cell]) -> Option<Vec<usize>> {
        let holds = |filter: &usize| self.guarded.holds(*filter, columns, row);
        if self.shown.is_empty() || !self.restrictive.iter().all(holds) {
            return None;
        }
        let open: Vec<&Vec<usize>> = self
            .scope
            .iter()
            .filter(|(filter, _)| filter.as_ref().is_none_or(holds))
            .map(|(_, columns)| columns)
            .collect();
        (!open.is_empty()).then(|| open.into_iter().flatten().copied().collect())
    }

    /// Whether the restrictive filters let a row through.
    pub fn restricts(&self, columns: &[Column], row: &[Cell]) -> bool {
        self.restrictive
            .iter()
            .all(|filter| self.guarded.holds(*filter, columns, row))
    }

    fn level(&self, at: usize, clear: &[usize]) -> Level<'_> {
        match &self.masks[at] {
            _ if clear.contains(&at) => Level::Clear,
            Some((rank, function)) => Level::Masked(*rank, function),
            None => Level::Null,
        }
    }
}

impl Level<'_> {
    fn order(&self, other: &Self) -> Ordering {
        let place = |level: &Self| match level {
            Self::Clear => (0, 0),
            Self::Masked(rank, _) => (1, *rank),
            Self::Null => (2, 0),
        };
        place(self).cmp(&place(other))
    }
}

impl View {
    /// What all these see.
    pub fn of(sights: Vec<Sight>) -> Self {
        let mut shown = sights.first().map(|first| first.shown.clone()).unwrap_or_default();
        shown.retain(|at| sights.iter().all(|sight| sight.shown.contains(at)));
        Self { shown, sights }
    }

    /// One for each who must see it.
    pub fn sights(&self) -> &[Sight] {
        &self.sights
    }

    /// No row, no column, no name.
    pub fn is_closed(&self) -> bool {
        self.shown.is_empty()
    }

    /// The row as it is seen; `None`: it is not.
    pub fn row(&self, columns: &[Column], row: &[Cell]) -> Option<Vec<Cell>> {
        if self.is_closed() {
            return None;
        }
        let clear: Vec<Vec<usize>> = self
            .sights
            .iter()
            .map(|sight| sight.clear(columns, row))
            .collect::<Option<_>>()?;
        let cell = |at: &usize| {
            let levels = self
                .sights
                .iter()
                .zip(&clear)
                .map(|(sight, clear)| sight.level(*at, clear));
            match levels.max_by(Level::order) {
                Some(Level::Clear) => row[*at].clone(),
                Some(Level::Masked(_, function)) => function.of(&row[*at], columns[*at].data_type),
                Some(Level::Null) | None => Cell::Null,
            }
        };
        Some(self.shown.iter().map(cell).collect())
    }

    /// The columns that are seen.
    pub fn columns(&self, table: &Table) -> Vec<Column> {
        self.shown.iter().map(|at| table.columns[*at].clone()).collect()
    }

    /// The table as it is seen, by these rows.
    pub fn copy(&self, table: &Table) -> Option<Table> {
        if self.is_closed() {
            return None;
        }
        let rows = table.rows.iter().filter_map(|row| self.row(&table.columns, row));
        Some(Table {
            columns: self.columns(table),
            rows: rows.collect(),
            partitioned: false,
            // In CSV an empty text is no value, and a mask may make one.
            csv: false,
            ..table.clone()
        })
    }

    /// Whether it shows no more than another one of the same table: rows, and which cells are clear.
    pub fn is_within(&self, other: &Self, table: &Table) -> bool {
        table.rows.iter().all(|row| {
            let (mine, others) = (self.clear(table, row), other.clear(table, row));
            match (mine, others) {
                (Some(mine), Some(others)) => mine.iter().all(|at| others.contains(at)),
                (mine, _) => mine.is_none(),
            }
        })
    }

    /// Columns that are raw in a row; `None`: the row is not seen.
    fn clear(&self, table: &Table, row: &[Cell]) -> Option<Vec<usize>> {
        if self.is_closed() {
            return None;
        }
        let mut clear = self.shown.clone();
        for sight in &self.sights {
            let own = sight.clear(&table.columns, row)?;
            clear.retain(|at| own.contains(at));
        }
        Some(clear)
    }
}
