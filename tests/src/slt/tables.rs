//! How do the tables of an `.slt` file come into being? As files below one catalog, or as tables of a SQLite source.

use std::fmt::Write as _;

use crate::{files, sqlite, world::World};

/// A table as its file writes it.
pub struct SltTable {
    name: String,
    format: String,
    /// Rows of a row group.
    group: usize,
    columns: String,
    rows: String,
}

impl SltTable {
    pub fn new(name: &str, format: &str, group: Option<&str>, body: &[&str]) -> Self {
        let (columns, rows) = body.split_first().expect("columns");
        Self {
            name: name.to_owned(),
            format: format.to_owned(),
            group: group.map_or(1_000_000, |text| text.parse().expect("a number of rows")),
            columns: (*columns).to_owned(),
            rows: rows.join("\n"),
        }
    }

    fn full_name(&self) -> String {
        if self.format == "sqlite" {
            format!("crm.main.{}", self.name)
        } else {
            format!("lake.t.{}", self.name)
        }
    }

    async fn write(&self, world: &World) {
        let batch = files::batch(&files::schema(&self.columns), &self.rows);
        let folder = format!("data/t/{}", self.name);
        match self.format.as_str() {
            "parquet" => files::write_parquet(&world.path(&format!("{folder}/part.parquet")), &batch, self.group),
            "csv" => {
                files::text(&world.path(&format!("{folder}/part.csv")), &files::csv_text(&batch));
            }
            "sqlite" => {
                let types = ["bigint", "double", "varchar"];
                assert!(
                    self.columns
                        .split(", ")
                        .all(|column| types.iter().any(|known| column.ends_with(known)))
                );
                let mut sql = format!("CREATE TABLE {} ({});", self.name, self.columns);
                sql.push_str(&files::insert_text(&self.name, &batch));
                sqlite::execute(&world.path("crm.sqlite"), &sql).await;
            }
            other => panic!("format {other}"),
        }
    }

    fn entry(&self) -> String {
        let columns: Vec<String> = files::schema(&self.columns)
            .fields()
            .iter()
            .zip(types(&self.columns))
            .map(|(field, data_type)| format!("{{name: {}, type: \"{data_type}\"}}", field.name()))
            .collect();
        let first = self.columns.split(' ').next().expect("a column");
        let filters =
            format!("filters: {{none: {{where: \"{first} IS NULL\"}}, some: {{where: \"{first} IS NOT NULL\"}}}}");
        if self.format == "sqlite" {
            return format!("  {}: {{{filters}}}\n", self.full_name());
        }
        format!(
            "  {}: {{format: {}, location: \"{}/\", columns: [{}], {filters}}}\n",
            self.full_name(),
            self.format,
            self.name,
            columns.join(", ")
        )
    }

    fn grants(&self) -> String {
        let name = self.full_name();
        format!(
            "  - {{to: \"user:sam\", privileges: [select, read-stats], resource: \"table:{name}\"}}\n\
             \u{20} - {{to: \"user:fay\", privileges: [select-filtered], resource: \"filter:{name}/none\"}}\n\
             \u{20} - {{to: \"user:fay\", privileges: [select-filtered], resource: \"filter:{name}/some\"}}\n"
        )
    }
}

/// The types as they are written, by column.
fn types(columns: &str) -> Vec<String> {
    let schema = files::schema(columns);
    let names: Vec<&String> = schema.fields().iter().map(|field| field.name()).collect();
    let mut rest = columns;
    let mut types = Vec::new();
    for (index, name) in names.iter().enumerate() {
        rest = rest
            .trim_start_matches([',', ' '])
            .strip_prefix(name.as_str())
            .expect("in order");
        let end = names
            .get(index + 1)
            .map_or(rest.len(), |next| rest.find(&format!(", {next} ")).expect("the next"));
        types.push(rest[..end].trim().to_owned());
        rest = &rest[end..];
    }
    types
}

/// Writes and declares all tables.
pub async fn apply(world: &World, tables: &[&SltTable]) {
    sqlite::execute(&world.path("crm.sqlite"), "CREATE TABLE unused (id bigint)").await;
    std::fs::create_dir_all(world.path("data/t/x")).expect("a folder");
    let mut yaml = "lake: slt\nconnections:\n  files: {connector: files, options: {root: \"./data\"}}\n  \
                    crm: {connector: sqlite, options: {path: \"./crm.sqlite\"}}\ncatalogs:\n  \
                    lake: {connection: files, default: true}\n  crm: {connection: crm, discover: true}\n\
                    databases:\n  lake.t: {location: \"t/\"}\nusers:\n  sam: {}\n  fay: {}\n"
        .to_owned();
    for table in tables {
        table.write(world).await;
    }
    if !tables.is_empty() {
        let entries: String = tables.iter().map(|table| table.entry()).collect();
        let grants: String = tables.iter().map(|table| table.grants()).collect();
        let _ = write!(yaml, "tables:\n{entries}grants:\n{grants}");
    }
    world.apply(&yaml, "").await;
}
