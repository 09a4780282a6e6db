//! Which tables does a random lake hold? Columns and rows, spread over files, row groups and partitions.

use std::{fmt, sync::Arc};

use arrow::{
    array::{
        ArrayRef, BooleanArray, Date32Array, Float64Array, Int32Array, Int64Array, RecordBatch, RecordBatchOptions,
        StringArray,
    },
    datatypes::{DataType, Field, Schema},
};
use rand::{Rng, rngs::StdRng};

use super::cell::{Cell, Type};
use crate::{files, world::World};

#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    pub data_type: Type,
}

/// A table; its last column may be the partition's.
#[derive(Clone, Debug)]
pub struct Table {
    pub name: String,
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<Cell>>,
    pub partitioned: bool,
    pub csv: bool,
}

impl Table {
    pub fn random(rng: &mut StdRng, name: &str) -> Self {
        let mut columns: Vec<Column> = (0..rng.random_range(2..6))
            .map(|index| Column {
                name: format!("c{index}"),
                data_type: Type::ALL[rng.random_range(0..Type::ALL.len())],
            })
            .collect();
        let partitioned = rng.random_bool(0.4);
        let csv = rng.random_bool(0.2);
        if partitioned {
            let data_type = if rng.random_bool(0.5) { Type::Int } else { Type::Varchar };
            columns.push(Column {
                name: "p".to_owned(),
                data_type,
            });
        }
        let rows = (0..[0, 3, 10, 20, 30, 40, 40, 40][rng.random_range(0..8)])
            .map(|_| {
                let cell = |(index, column): (usize, &Column)| {
                    Self::cell(rng, column, csv || (partitioned && index + 1 == columns.len()))
                };
                columns.iter().enumerate().map(cell).collect()
            })
            .collect();
        Self {
            name: name.to_owned(),
            columns,
            rows,
            partitioned,
            csv,
        }
    }

    /// `plain`: what text and folder names can hold.
    fn cell(rng: &mut StdRng, column: &Column, plain: bool) -> Cell {
        if rng.random_bool(0.2) {
            return Cell::Null;
        }
        match column.data_type.value(rng) {
            Cell::Text(text) if plain && text.is_empty() => Cell::Text("bb".to_owned()),
            Cell::Double(number) if plain && !number.is_finite() => Cell::Double(2.25),
            cell => cell,
        }
    }

    /// Writes the rows, some to each file.
    pub fn write(&self, world: &World, rng: &mut StdRng) {
        let width = self.columns.len() - usize::from(self.partitioned);
        let mut files: Vec<(String, Vec<Vec<Cell>>)> = Vec::new();
        for row in &self.rows {
            let folder = if self.partitioned {
                format!("p={}/", folder(&row[width]))
            } else {
                String::new()
            };
            let file = format!("{folder}f{}", rng.random_range(0..2));
            let stored = row[..width].to_vec();
            match files.iter_mut().find(|(name, _)| *name == file) {
                Some((_, rows)) => rows.push(stored),
                None => files.push((file, vec![stored])),
            }
        }
        std::fs::create_dir_all(
            world
                .path(&format!("data/t/{}/x", self.name))
                .parent()
                .expect("a folder"),
        )
        .expect("the folder");
        for (file, rows) in files {
            let batch = batch(&self.columns[..width], &rows);
            let path = |extension: &str| world.path(&format!("data/t/{}/{file}.{extension}", self.name));
            if self.csv {
                files::text(&path("csv"), &files::csv_text(&batch));
            } else {
                files::write_parquet(&path("parquet"), &batch, rng.random_range(1..6));
            }
        }
    }

    /// Lines of the lake file.
    pub fn declaration(&self) -> String {
        let column = |column: &Column| format!("{{name: {}, type: {}}}", column.name, column.data_type);
        let width = self.columns.len() - usize::from(self.partitioned);
        let columns: Vec<String> = self.columns[..width].iter().map(column).collect();
        let format = if self.csv { "csv" } else { "parquet" };
        let mut text = format!(
            "    format: {format}\n    location: \"{}/\"\n    columns: [{}]\n",
            self.name,
            columns.join(", ")
        );
        if self.partitioned {
            text.push_str(&format!(
                "    partitioned_by: [{}]\n    partitions: hive\n",
                column(&self.columns[width])
            ));
        }
        text
    }

    /// All rows in one batch.
    pub fn batch(&self) -> RecordBatch {
        batch(&self.columns, &self.rows)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self
            .columns
            .iter()
            .map(|column| format!("{} {}", column.name, column.data_type))
            .collect();
        writeln!(f, "{} ({})", self.name, names.join(", "))?;
        for row in &self.rows {
            let cells: Vec<String> = row.iter().map(Cell::sql).collect();
            writeln!(f, "  {}", cells.join(", "))?;
        }
        Ok(())
    }
}

fn folder(cell: &Cell) -> String {
    match cell {
        Cell::Null => "__HIVE_DEFAULT_PARTITION__".to_owned(),
        Cell::Text(text) => text.replace('%', "%25").replace('.', "%2E").replace('@', "%40"),
        other => other.sql(),
    }
}

fn batch(columns: &[Column], rows: &[Vec<Cell>]) -> RecordBatch {
    let mut fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for (index, column) in columns.iter().enumerate() {
        let (data_type, array) = array(column.data_type, rows.iter().map(|row| &row[index]));
        fields.push(Field::new(&column.name, data_type, true));
        arrays.push(array);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options).expect("a batch")
}

fn array<'a>(data_type: Type, cells: impl Iterator<Item = &'a Cell>) -> (DataType, ArrayRef) {
    let int = |cell: &Cell| {
        if let Cell::Int(number) = cell {
            Some(*number)
        } else {
            None
        }
    };
    match data_type {
        Type::Bigint => (DataType::Int64, Arc::new(Int64Array::from_iter(cells.map(int)))),
        Type::Int => {
            let narrow = |cell: &Cell| int(cell).map(|number| i32::try_from(number).expect("an int"));
            (DataType::Int32, Arc::new(Int32Array::from_iter(cells.map(narrow))))
        }
        Type::Double => {
            let double = |cell: &Cell| {
                if let Cell::Double(number) = cell {
                    Some(*number)
                } else {
                    None
                }
            };
            (DataType::Float64, Arc::new(Float64Array::from_iter(cells.map(double))))
        }
        Type::Varchar => {
            let text = |cell: &'a Cell| {
                if let Cell::Text(text) = cell {
                    Some(text.as_str())
                } else {
                    None
                }
            };
            (DataType::Utf8, Arc::new(StringArray::from_iter(cells.map(text))))
        }
        Type::Boolean => {
            let truth = |cell: &Cell| {
                if let Cell::Bool(value) = cell {
                    Some(*value)
                } else {
                    None
                }
            };
            (DataType::Boolean, Arc::new(BooleanArray::from_iter(cells.map(truth))))
        }
        Type::Date => {
            let days = |cell: &Cell| if let Cell::Date(days) = cell { Some(*days) } else { None };
            (DataType::Date32, Arc::new(Date32Array::from_iter(cells.map(days))))
        }
    }
}
