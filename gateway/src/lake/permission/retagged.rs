//! Does a change of a table or view touch nothing but tags, its own or those of its columns? These have rights of their own.

use lakegate_catalog::{
    object::Stored,
    relation::{Column, Table, View},
};

/// Whether nothing but tags changes.
pub(super) fn is_retagged<B: PartialEq>(
    before: Option<&Stored<B>>,
    after: Option<&Stored<B>>,
    untagged: impl Fn(&B) -> B,
) -> bool {
    let (Some(before), Some(after)) = (before, after) else {
        return false;
    };
    let place = |one: &Stored<B>| (one.name.clone(), one.parent.clone(), one.lake.clone());
    place(before) == place(after) && before.body != after.body && untagged(&before.body) == untagged(&after.body)
}

pub(super) fn table(table: &Table) -> Table {
    Table {
        tags: Default::default(),
        columns: bare(&table.columns),
        ..table.clone()
    }
}

pub(super) fn view(view: &View) -> View {
    View {
        tags: Default::default(),
        columns: bare(&view.columns),
        ..view.clone()
    }
}

fn bare(columns: &[Column]) -> Vec<Column> {
    let bare = |column: &Column| Column {
        tags: Default::default(),
        ..column.clone()
    };
    columns.iter().map(bare).collect()
}
