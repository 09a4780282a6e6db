//! How are lists of the API printed? As a table of chosen members, or as the API's own JSON.

use clap::ValueEnum;
use serde_json::Value;

use super::{
    grid::{Cell, Grid, GridStyle},
    output::say,
    screen::Screen,
};

/// A format of lists and single answers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum ItemFormat {
    /// Columns for people
    #[default]
    Table,
    /// The API's JSON
    Json,
    /// One object per line
    Jsonl,
}

impl ItemFormat {
    /// Are the errors wanted for programs too?
    #[must_use]
    pub fn is_json(self) -> bool {
        self != Self::Table
    }
}

/// Prints a list. `columns` are headings and JSON pointers.
pub fn print_items(items: &[Value], columns: &[(&str, &str)], format: ItemFormat, screen: &Screen) {
    match format {
        ItemFormat::Json => say(serde_json::json!({ "items": items })),
        ItemFormat::Jsonl => items.iter().for_each(say),
        ItemFormat::Table => print_table(items, columns, screen),
    }
}

/// Prints one object: a member per line, or its JSON.
pub fn print_item(item: &Value, format: ItemFormat) {
    match (format, item) {
        (ItemFormat::Table, Value::Object(members)) => {
            let width = members.keys().map(|key| key.chars().count()).max().unwrap_or(0);
            for (key, value) in members {
                let text = cell(Some(value)).unwrap_or_default();
                say(format!("{key:<width$}  {}", super::grid::printable(&text)).trim_end());
            }
        }
        _ => say(item),
    }
}

fn print_table(items: &[Value], columns: &[(&str, &str)], screen: &Screen) {
    let style = GridStyle {
        boxed: screen.output,
        color: screen.output && screen.color,
        header: true,
    };
    let mut grid = Grid::new(style, columns.iter().map(|(heading, _)| ((*heading).to_owned(), false)));
    let cells = |item: &Value| -> Vec<Cell> {
        columns
            .iter()
            .map(|(_, pointer)| Some(cell(item.pointer(pointer)).unwrap_or_default()))
            .collect()
    };
    let rows: Vec<Vec<Cell>> = items.iter().map(cells).collect();
    rows.iter().for_each(|row| grid.measure(row));
    let lines: String = rows.iter().map(|row| grid.row(row)).collect();
    say((grid.head() + &lines + &grid.foot()).trim_end());
}

fn cell(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => Some(
            items
                .iter()
                .filter_map(|item| cell(Some(item)))
                .collect::<Vec<_>>()
                .join(", "),
        ),
        other => Some(other.to_string()),
    }
}
