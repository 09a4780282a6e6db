//! Where do the tables of a random lake lie, and which types and values can that source hold?

use std::fmt::Write as _;

use rand::{Rng, SeedableRng, rngs::StdRng};

use super::has;
use crate::{
    fuzz::{
        cell::{Cell, Type},
        data::{Column, Table},
    },
    postgres::Database,
    sqlite,
    world::World,
};

/// The kind of source.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Source {
    Files,
    Postgres,
    Sqlite,
}

impl Source {
    /// By its name.
    pub fn named(name: &str) -> Self {
        match name {
            "files" => Self::Files,
            "postgres" => Self::Postgres,
            "sqlite" => Self::Sqlite,
            other => panic!("SOURCE is files, postgres or sqlite, not `{other}`"),
        }
    }

    /// Whether tables, and their databases, are declared in the lake's file.
    pub fn is_declared(self) -> bool {
        self == Self::Files
    }

    /// Catalog and database of the one with this name.
    pub fn place(self, name: &str) -> (String, String) {
        match self {
            Self::Files => ("lake".to_owned(), name.to_owned()),
            Self::Postgres => ("crm".to_owned(), name.to_owned()),
            Self::Sqlite => (name.to_owned(), "main".to_owned()),
        }
    }

    fn types(self) -> &'static [Type] {
        match self {
            Self::Files => &Type::GOVERNED,
            Self::Postgres => &[
                Type::Bigint,
                Type::Int,
                Type::Double,
                Type::Varchar,
                Type::Boolean,
                Type::Date,
                Type::Decimal,
                Type::Timestamp,
            ],
            Self::Sqlite => &[Type::Bigint, Type::Varchar, Type::Boolean, Type::Double],
        }
    }

    /// A random table.
    pub fn table(self, rng: &mut StdRng, name: &str) -> Table {
        let types = self.types();
        let mut columns: Vec<Column> = (0..rng.random_range(2..7))
            .map(|index| Column {
                name: format!("c{index}"),
                data_type: types[rng.random_range(0..types.len())],
            })
            .collect();
        let partitioned = self == Self::Files && rng.random_bool(0.35);
        let csv = self == Self::Files && rng.random_bool(0.2);
        if has("structs") && self == Self::Files && !csv && rng.random_bool(0.35) {
            let field = |name: &str, data_type| Column {
                name: format!("s.{name}"),
                data_type,
            };
            columns.extend([field("x", Type::Int), field("y", Type::Varchar)]);
        }
        if partitioned {
            columns.push(Column {
                name: "p".to_owned(),
                data_type: if rng.random_bool(0.5) { Type::Int } else { Type::Varchar },
            });
        }
        let plain = csv || partitioned || self == Self::Sqlite;
        let count = [0, 3, 8, 12, 16, 20][rng.random_range(0..6)];
        let rows = (0..count)
            .map(|_| columns.iter().map(|column| Table::cell(rng, column, plain)).collect())
            .collect();
        Table {
            name: name.to_owned(),
            columns,
            rows,
            partitioned,
            csv: csv || self == Self::Sqlite,
        }
    }

    /// Writes tables into the place with this name.
    pub async fn write(self, (world, database): (&World, Option<&Database>), name: &str, tables: &[&Table]) {
        match self {
            Self::Files => {
                for table in tables {
                    // How rows lie in files is no secret to who sees all of them: equal rows lie alike.
                    let seed = format!("{table}").bytes().fold(0, |seed: u64, byte| {
                        seed.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte)
                    });
                    let mut rng = StdRng::seed_from_u64(seed);
                    table.write_to(world, &format!("data/{name}"), &mut rng);
                }
            }
            Self::Sqlite => {
                let mut sql = String::from("CREATE TABLE other (id bigint);");
                for table in tables {
                    sql.push_str(&inserts(table, &table.name, &[("decimal(12,2)", "double")]));
                }
                sqlite::execute(&world.path(&format!("{name}.sqlite")), &sql).await;
            }
            Self::Postgres => {
                let mut sql = format!("CREATE SCHEMA {name};");
                for table in tables {
                    let types = [("double", "double precision"), ("varchar", "text")];
                    sql.push_str(&inserts(table, &format!("{name}.{}", table.name), &types));
                }
                database.expect("a server").execute(&sql).await;
            }
        }
    }
}

fn inserts(table: &Table, name: &str, types: &[(&str, &str)]) -> String {
    let columns: Vec<String> = table
        .columns
        .iter()
        .map(|column| {
            let written = column.data_type.to_string();
            let found = types.iter().find(|(from, _)| *from == written);
            format!("{} {}", column.name, found.map_or(written.as_str(), |(_, to)| to))
        })
        .collect();
    let mut sql = format!("CREATE TABLE {name} ({});", columns.join(", "));
    for row in &table.rows {
        let cells: Vec<String> = row.iter().map(literal).collect();
        let _ = write!(sql, "INSERT INTO {name} VALUES ({});", cells.join(", "));
    }
    sql
}

fn literal(cell: &Cell) -> String {
    match cell {
        Cell::Double(number) if number.is_nan() => "'NaN'".to_owned(),
        Cell::Double(number) if number.is_infinite() => {
            format!("'{}Infinity'", if *number < 0.0 { "-" } else { "" })
        }
        Cell::Int(i64::MIN) => "(-9223372036854775807 - 1)".to_owned(),
        // A literal is a number without a sign of zero.
        Cell::Double(number) if *number == 0.0 && number.is_sign_negative() => "'-0'".to_owned(),
        other => other.sql(),
    }
}
