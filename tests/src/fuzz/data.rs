//! Which tables does a random lake hold? Columns and rows, spread over files, row groups and partitions.

use std::{fmt, sync::Arc};

use arrow::{
    array::{
        Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array, RecordBatch,
        RecordBatchOptions, StringArray, StructArray, TimestampMicrosecondArray,
    },
    datatypes::{DataType, Field, FieldRef, Schema, TimeUnit},
    util::display::{ArrayFormatter, FormatOptions},
};
use rand::{Rng, rngs::StdRng};

use super::cell::{Cell, Type};
use crate::{files, world::World};

/// A column, or a field of a column that is a struct: `s.x`. Fields of one struct stand side by side.
#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    pub data_type: Type,
}

impl Column {
    /// Name of the struct and of the field.
    pub fn field(&self) -> Option<(&str, &str)> {
        self.name.split_once('.')
    }

    /// Name of the column that holds it.
    pub fn top(&self) -> &str {
        self.field().map_or(&self.name, |(top, _)| top)
    }
}

/// Columns as they are stored: each with its fields, or alone.
fn stored(columns: &[Column]) -> impl Iterator<Item = &[Column]> {
    columns.chunk_by(|one, two| one.field().is_some() && one.top() == two.top())
}

/// A column as the lake's file declares it.
pub fn declared(columns: &[Column]) -> String {
    let fields: Vec<String> = columns
        .iter()
        .filter_map(|column| Some(format!("{}: {}", column.field()?.1, column.data_type)))
        .collect();
    let data_type = if fields.is_empty() {
        columns[0].data_type.to_string()
    } else {
        format!("struct<{}>", fields.join(", "))
    };
    format!("{{name: {}, type: \"{data_type}\"}}", columns[0].top())
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
    pub fn cell(rng: &mut StdRng, column: &Column, plain: bool) -> Cell {
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
        self.write_to(world, "data/t", rng);
    }

    /// As [`Table::write`], below another folder.
    pub fn write_to(&self, world: &World, parent: &str, rng: &mut StdRng) {
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
                .path(&format!("{parent}/{}/x", self.name))
                .parent()
                .expect("a folder"),
        )
        .expect("the folder");
        for (file, rows) in files {
            let batch = batch(&self.columns[..width], &rows);
            let path = |extension: &str| world.path(&format!("{parent}/{}/{file}.{extension}", self.name));
            if self.csv {
                files::text(&path("csv"), &files::csv_text(&texts(&batch, &rows)));
            } else {
                files::write_parquet(&path("parquet"), &batch, rng.random_range(1..6));
            }
        }
    }

    /// Lines of the lake file.
    pub fn declaration(&self) -> String {
        let width = self.columns.len() - usize::from(self.partitioned);
        let columns: Vec<String> = stored(&self.columns[..width]).map(declared).collect();
        let format = if self.csv { "csv" } else { "parquet" };
        let mut text = format!(
            "    format: {format}\n    location: \"{}/\"\n    columns: [{}]\n",
            self.name,
            columns.join(", ")
        );
        if self.partitioned {
            text.push_str(&format!(
                "    partitioned_by: [{}]\n    partitions: hive\n",
                declared(&self.columns[width..])
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
    let mut index = 0;
    for own in stored(columns) {
        let mut parts: Vec<(FieldRef, ArrayRef)> = Vec::new();
        for column in own {
            let (data_type, array) = array(column.data_type, rows.iter().map(|row| &row[index]));
            let name = column.field().map_or(column.name.as_str(), |(_, field)| field);
            parts.push((Arc::new(Field::new(name, data_type, true)), array));
            index += 1;
        }
        if own[0].field().is_some() {
            // Never NULL itself: its fields may be.
            let (names, values): (Vec<FieldRef>, Vec<ArrayRef>) = parts.into_iter().unzip();
            let array = StructArray::try_new_with_length(names.into(), values, None, rows.len()).expect("a struct");
            fields.push(Arc::new(Field::new(own[0].top(), array.data_type().clone(), true)));
            arrays.push(Arc::new(array));
        } else {
            let (field, array) = parts.remove(0);
            fields.push(field);
            arrays.push(array);
        }
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options).expect("a batch")
}

/// The same as texts; what has no value of its column's type stands there as it is.
fn texts(batch: &RecordBatch, rows: &[Vec<Cell>]) -> RecordBatch {
    let options = FormatOptions::new();
    let columns = batch.columns().iter().enumerate().map(|(at, array)| {
        let formatter = ArrayFormatter::try_new(array, &options).expect("a type that can be shown");
        let text = |row: usize| match &rows[row][at] {
            Cell::Text(text) => Some(text.clone()),
            _ => array.is_valid(row).then(|| formatter.value(row).to_string()),
        };
        Arc::new((0..rows.len()).map(text).collect::<StringArray>()) as ArrayRef
    });
    let fields = batch.schema_ref().fields().iter();
    let fields: Vec<Field> = fields
        .map(|field| Field::new(field.name(), DataType::Utf8, true))
        .collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.collect()).expect("a batch")
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
        Type::Decimal => {
            let hundredths = |cell: &Cell| {
                if let Cell::Decimal(number) = cell {
                    Some(i128::from(*number))
                } else {
                    None
                }
            };
            let array = Decimal128Array::from_iter(cells.map(hundredths));
            let array = array.with_precision_and_scale(12, 2).expect("a decimal");
            (DataType::Decimal128(12, 2), Arc::new(array))
        }
        Type::Timestamp => {
            let micros = |cell: &Cell| {
                if let Cell::Timestamp(micros) = cell {
                    Some(*micros)
                } else {
                    None
                }
            };
            let array = TimestampMicrosecondArray::from_iter(cells.map(micros));
            (DataType::Timestamp(TimeUnit::Microsecond, None), Arc::new(array))
        }
        Type::Date => {
            let days = |cell: &Cell| if let Cell::Date(days) = cell { Some(*days) } else { None };
            (DataType::Date32, Arc::new(Date32Array::from_iter(cells.map(days))))
        }
    }
}
