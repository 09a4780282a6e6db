//! How is a table drawn with characters? A box on a terminal, aligned columns elsewhere.

use unicode_width::UnicodeWidthStr;

/// How a grid is drawn.
#[derive(Clone, Copy, Debug, Default)]
pub struct GridStyle {
    /// Lines between the cells, and a limit of their width: for terminals.
    pub boxed: bool,
    pub color: bool,
    pub header: bool,
}

/// The columns of a grid, wide enough for what was measured.
#[derive(Clone, Debug)]
pub struct Grid {
    style: GridStyle,
    columns: Vec<Column>,
}

#[derive(Clone, Debug)]
struct Column {
    name: String,
    right: bool,
    width: usize,
}

/// A cell; `None` is NULL.
pub type Cell = Option<String>;

/// Widest cell on a terminal.
const WIDEST: usize = 60;
const NULL: &str = "NULL";

impl Grid {
    /// Columns by name; those of numbers are aligned at the right.
    pub fn new(style: GridStyle, columns: impl IntoIterator<Item = (String, bool)>) -> Self {
        let column = |(name, right): (String, bool)| {
            let name = printable(&name);
            Column {
                width: if style.header { name.width() } else { 0 },
                name,
                right,
            }
        };
        Self {
            style,
            columns: columns.into_iter().map(column).collect(),
        }
    }

    /// Widens the columns for a row.
    pub fn measure(&mut self, row: &[Cell]) {
        for (column, cell) in self.columns.iter_mut().zip(row) {
            let text = cell.as_deref().unwrap_or(NULL);
            let width = printable(text).width();
            column.width = column
                .width
                .max(if self.style.boxed { width.min(WIDEST) } else { width });
        }
    }

    /// The lines above the first row.
    #[must_use]
    pub fn head(&self) -> String {
        let mut text = String::new();
        if self.style.boxed {
            text.push_str(&self.rule("┌", "┬", "┐"));
        }
        if self.style.header {
            let names: Vec<String> = self.columns.iter().map(|column| pad(&column.name, column)).collect();
            text.push_str(&self.line(&names, self.style.color.then_some("\x1b[1m")));
            if self.style.boxed {
                text.push_str(&self.rule("├", "┼", "┤"));
            }
        }
        text
    }

    /// The line of a row.
    #[must_use]
    pub fn row(&self, row: &[Cell]) -> String {
        let cells = self.columns.iter().zip(row).map(|(column, cell)| match cell {
            Some(text) => pad(&self.cut(&printable(text)), column),
            None if self.style.color => format!("\x1b[2m{}\x1b[0m", pad(NULL, column)),
            None => pad(NULL, column),
        });
        self.line(&cells.collect::<Vec<_>>(), None)
    }

    /// The line below the last row.
    #[must_use]
    pub fn foot(&self) -> String {
        if self.style.boxed {
            self.rule("└", "┴", "┘")
        } else {
            String::new()
        }
    }

    fn line(&self, cells: &[String], color: Option<&str>) -> String {
        let paint = |cell: &String| match color {
            Some(color) => format!("{color}{cell}\x1b[0m"),
            None => cell.clone(),
        };
        let cells: Vec<String> = cells.iter().map(paint).collect();
        if self.style.boxed {
            return format!("│ {} │\n", cells.join(" │ "));
        }
        format!("{}\n", cells.join("  ").trim_end())
    }

    fn rule(&self, left: &str, middle: &str, right: &str) -> String {
        let lines: Vec<String> = self.columns.iter().map(|column| "─".repeat(column.width + 2)).collect();
        format!("{left}{}{right}\n", lines.join(middle))
    }

    /// What does not fit on a terminal ends with a mark.
    fn cut(&self, text: &str) -> String {
        if !self.style.boxed || text.width() <= WIDEST {
            return text.to_owned();
        }
        let mut cut = String::new();
        for character in text.chars() {
            if cut.width() + character.to_string().width() >= WIDEST {
                break;
            }
            cut.push(character);
        }
        cut + "…"
    }
}

fn pad(text: &str, column: &Column) -> String {
    let space = " ".repeat(column.width.saturating_sub(text.width()));
    if column.right {
        space + text
    } else {
        text.to_owned() + &space
    }
}

/// Without characters that move the cursor or change the terminal: a value must not draw over others.
#[must_use]
pub fn printable(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(hidden) {
        return text.to_owned();
    }
    text.chars()
        .map(|c| {
            if hidden(c) {
                c.escape_default().to_string()
            } else {
                c.to_string()
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(style: GridStyle, rows: &[&[Cell]]) -> String {
        let mut grid = Grid::new(style, [("name".to_owned(), false), ("n".to_owned(), true)]);
        rows.iter().for_each(|row| grid.measure(row));
        let rows: String = rows.iter().map(|row| grid.row(row)).collect();
        grid.head() + &rows + &grid.foot()
    }

    #[test]
    fn pipes_get_aligned_columns_and_terminals_a_box() {
        let rows: [&[Cell]; 2] = [
            &[Some("日本".to_owned()), Some("12".to_owned())],
            &[None, Some("3".to_owned())],
        ];
        let plain = GridStyle {
            boxed: false,
            color: false,
            header: true,
        };
        assert_eq!(draw(plain, &rows), "name   n\n日本  12\nNULL   3\n");
        let boxed = GridStyle {
            boxed: true,
            color: false,
            header: true,
        };
        assert_eq!(
            draw(boxed, &rows),
            "┌──────┬────┐\n│ name │  n │\n├──────┼────┤\n│ 日本 │ 12 │\n│ NULL │  3 │\n└──────┴────┘\n"
        );
        let bare = GridStyle {
            boxed: false,
            color: false,
            header: false,
        };
        assert_eq!(draw(bare, &rows), "日本  12\nNULL   3\n");
    }

    #[test]
    fn a_value_cannot_draw_over_others() {
        assert_eq!(printable("a\u{1b}[2Jb\nc"), "a\\u{1b}[2Jb\\nc");
    }
}
