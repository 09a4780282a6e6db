//! Which property holds where? Runs all of them and shows property × connector × transport.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use super::{Broken, Fixture, Outcome, PROPERTIES, Property, Subject, Transport};

/// A property that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// What was found, property by property.
#[derive(Debug, Default)]
pub struct Matrix {
    columns: Vec<String>,
    rows: Vec<(Property, Vec<Cell>)>,
}

#[derive(Debug)]
enum Cell {
    Kept,
    Blank(String),
    Broken(String),
}

/// Asks every property whose `group: name` contains `only` of every connector over every transport.
pub async fn run(fixtures: &[Arc<dyn Fixture>], transports: &[Arc<dyn Transport>], only: &str) -> Matrix {
    let mut matrix = Matrix {
        columns: Vec::new(),
        rows: asked(only).map(|property| (*property, Vec::new())).collect(),
    };
    for fixture in fixtures {
        for transport in transports {
            matrix.columns.push(format!("{} {}", fixture.name(), transport.name()));
            let subject = Subject::new(Arc::clone(fixture), Arc::clone(transport)).await;
            for (property, cells) in &mut matrix.rows {
                cells.push(match &subject {
                    Ok(subject) => ask(property, subject).await,
                    Err(broken) => Cell::Broken(format!("cannot be reached: {broken}")),
                });
            }
        }
    }
    matrix
}

fn asked(only: &str) -> impl Iterator<Item = &'static Property> {
    PROPERTIES
        .iter()
        .filter(move |property| format!("{property:?}").contains(only))
}

async fn ask(property: &Property, subject: &Subject) -> Cell {
    if let Some(why) = subject.fixture.blank(property.name) {
        return Cell::Blank(why.to_owned());
    }
    let outcome = tokio::time::timeout(PATIENCE, (property.check)(subject)).await;
    match outcome.unwrap_or_else(|_| Err(Broken::new(format!("hangs for {PATIENCE:?}")))) {
        Ok(Outcome::Kept) => Cell::Kept,
        Ok(Outcome::Blank(why)) => Cell::Blank(why.to_owned()),
        Err(Broken(text)) => Cell::Broken(text),
    }
}

impl Matrix {
    /// What is broken: column, property and why.
    #[must_use]
    pub fn broken(&self) -> Vec<String> {
        let told = self.rows.iter().flat_map(|(property, cells)| {
            let cells = self.columns.iter().zip(cells);
            cells.filter_map(move |(column, cell)| match cell {
                Cell::Broken(text) => Some(format!("{column}: {property:?}: {text}")),
                Cell::Kept | Cell::Blank(_) => None,
            })
        });
        told.collect()
    }

    /// How many cells are kept.
    #[must_use]
    pub fn kept(&self) -> usize {
        let cells = self.rows.iter().flat_map(|(_, cells)| cells);
        cells.filter(|cell| matches!(cell, Cell::Kept)).count()
    }
}

impl fmt::Display for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        write!(f, "{:<64}", "property")?;
        for column in &self.columns {
            write!(f, " | {column}")?;
        }
        writeln!(f)?;
        for (property, cells) in &self.rows {
            write!(f, "{:<64}", format!("{property:?}"))?;
            for (column, cell) in self.columns.iter().zip(cells) {
                let next = reasons.len() + 1;
                let text = match cell {
                    Cell::Kept => "kept".to_owned(),
                    Cell::Broken(_) => "BROKEN".to_owned(),
                    Cell::Blank(why) => format!("– {}", reasons.entry(why).or_insert(next)),
                };
                write!(f, " | {text:<width$}", width = column.chars().count())?;
            }
            writeln!(f)?;
        }
        let mut reasons: Vec<_> = reasons.into_iter().map(|(why, number)| (number, why)).collect();
        reasons.sort_unstable();
        for (number, why) in reasons {
            writeln!(f, "– {number}: {why}")?;
        }
        for line in self.broken() {
            writeln!(f, "BROKEN {line}")?;
        }
        Ok(())
    }
}
