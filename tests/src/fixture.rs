//! Which lake do the leak tests attack? The one of governance.md §9.3, over files of each format, SQLite and PostgreSQL; `page` has the
//! rest of it.
//!
//! What nobody but a steward may see is full of canaries; hidden rows lie in a file of their own.

use std::fmt::Write as _;

use arrow::{array::RecordBatch, compute};

use crate::{
    answer, files,
    postgres::{self, Database},
    sqlite,
    world::{Making, World},
};

pub mod page;

/// Where `orders` lies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    Parquet,
    /// One file of Parquet; hidden rows in row groups of their own.
    Groups,
    /// Parquet in folders by region.
    Partitions,
    Csv,
    Ndjson,
    Sqlite,
    Postgres,
}

impl Place {
    pub const ALL: [Self; 4] = [Self::Parquet, Self::Csv, Self::Ndjson, Self::Sqlite];

    /// All that can be had here: PostgreSQL needs a server.
    pub fn every() -> Vec<Self> {
        let mut places = vec![
            Self::Parquet,
            Self::Groups,
            Self::Partitions,
            Self::Csv,
            Self::Ndjson,
            Self::Sqlite,
        ];
        if postgres::is_there("the fixture") {
            places.push(Self::Postgres);
        }
        places
    }

    /// `catalog.database` of `orders`.
    pub fn database(self) -> &'static str {
        match self {
            Self::Sqlite => "crm.main",
            Self::Postgres => "crm.public",
            _ => "lake.sales",
        }
    }

    fn format(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
            _ => "parquet",
        }
    }

    /// Its tables are files.
    pub fn is_file(self) -> bool {
        !matches!(self, Self::Sqlite | Self::Postgres)
    }
}

/// What lies outside of everybody's view.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hidden {
    Canaries,
    /// Other rows, other values, and more of them.
    Others,
    /// The physically filtered copy; hidden cells of visible rows are still there.
    Nothing,
    /// The canaries under another name, which no other world of this process has.
    Named(&'static str),
}

/// Texts that may stand in no answer to anybody but dana and sue.
pub const CANARIES: [&str; 4] = ["CANARY", "31337", "90000", "CHANGED"];

const COLUMNS: &str = "id bigint, tenant varchar, region varchar, customer varchar, ssn varchar, email varchar, amount decimal(12,2), \
                       qty int, code varchar, note varchar, legal_hold int, ts timestamp(6)";

const VISIBLE: &str = "1,t1,DE,Ann,111-22-3333,ann@x.de,10.00,1,10,ok,NULL,2020-01-01T00:00:00
2,t1,FR,Bob,222-33-4444,bob@x.fr,20.00,2,20,ok,0,2020-01-02T00:00:00
3,t1,DE,Cy,333-44-5555,cy@x.de,30.00,3,30,ok,NULL,2020-01-03T00:00:00";

const CANARY_ROWS: &str =
    "900001,t2,US,CANARY_C1,CANARY-SSN-1,CANARY1@x,31337.00,0,CANARY_NAN,CANARY_N1,NULL,1999-01-01T00:00:00
900002,t1,NULL,CANARY_C2,CANARY-SSN-2,CANARY2@x,1.00,5,50,CANARY_N2,NULL,1999-01-02T00:00:00
900003,t1,DE,CANARY_C3,CANARY-SSN-3,CANARY3@x,40.00,4,40,CANARY_N3,1,1999-01-03T00:00:00
900004,t1,de,CANARY_C4,CANARY-SSN-4,CANARY4@x,50.00,6,60,CANARY_N4,NULL,1999-01-04T00:00:00
900005,t1,DE ,CANARY_C5,CANARY-SSN-5,CANARY5@x,50.00,6,60,CANARY_N5,NULL,1999-01-05T00:00:00
900006,t1,ＤＥ,CANARY_C6,CANARY-SSN-6,CANARY6@x,50.00,6,60,CANARY_N6,NULL,1999-01-06T00:00:00
900007,t1,D\u{308}E,CANARY_C7,CANARY-SSN-7,CANARY7@x,50.00,6,60,CANARY_N7,NULL,1999-01-07T00:00:00";

const OTHER_ROWS: &str = "7,t2,US,CHANGED1,1,CHANGED,0.01,-7,x,CHANGED,NULL,2030-01-01T00:00:00
8,t9,NULL,CHANGED2,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL
1,t1,DE,CHANGED3,CHANGED,CHANGED,1e5,2147483647,9223372036854775808,CHANGED,9,2020-01-01T00:00:00
1,t1,FR,CHANGED4,CHANGED,CHANGED,5.00,0,0,CHANGED,1,2020-01-01T00:00:00";

const GOVERNED: &str = r#"
    filters:
      eu: {where: "region IN ('DE','FR')", except: [customer, ssn, email, amount]}
      de: {where: "region = 'DE'", columns: [amount]}
      us: {where: "region = 'US'", columns: [id, region]}
      small: {where: "amount < 25", columns: [id, amount]}
      dept: {where: "tenant IN principal.tag('dept')", columns: [id, tenant]}
      hold: {where: "legal_hold IS NULL OR legal_hold <= 0", restrictive: true}
    masks:
      ssn: {last4: {func: show-last-4, rank: 10}, fixed: {func: mask-to-fixed-value, rank: 20}}
      email: {hash: {func: hmac-sha-256, rank: 10, domain: people}}
"#;

/// The same filters in Cedar. A `double`, which SQLite has for `amount`, is none of its types.
fn in_cedar(place: Place) -> String {
    let mut text = GOVERNED.to_owned();
    for (sql, cedar) in [
        (
            "where: \"region IN ('DE','FR')\"",
            r#"cedar: 'when { resource.s.hasTag("region") && ["DE", "FR"].contains(resource.s.getTag("region")) }'"#,
        ),
        (
            "where: \"region = 'DE'\"",
            r#"cedar: 'when { resource.s.hasTag("region") && resource.s.getTag("region") == "DE" }'"#,
        ),
        (
            "where: \"region = 'US'\"",
            r#"cedar: 'when { resource.s.hasTag("region") } unless { resource.s.getTag("region") != "US" }'"#,
        ),
        (
            "where: \"amount < 25\"",
            r#"cedar: 'when { resource.d.hasTag("amount") && resource.d.getTag("amount").lessThan(decimal("25.0")) }'"#,
        ),
        (
            "where: \"tenant IN principal.tag('dept')\"",
            r#"cedar: 'when { resource.s.hasTag("tenant") && principal.hasTag("dept") && principal.getTag("dept").contains(resource.s.getTag("tenant")) }'"#,
        ),
        (
            "where: \"legal_hold IS NULL OR legal_hold <= 0\"",
            r#"cedar: 'when { true } unless { resource.n.hasTag("legal_hold") && resource.n.getTag("legal_hold") > 0 }'"#,
        ),
    ] {
        assert!(text.contains(sql), "{sql}");
        if !(place == Place::Sqlite && sql.contains("amount")) {
            text = text.replace(sql, cedar);
        }
    }
    text
}

/// What alice and carol see of `orders`, as tables of their own: `alice_copy`, `carol_copy`.
///
/// Hashes by Python: `key = hmac.digest(b"\x07" * 32, b"lakegate/mask/domain:people\x01", "sha256")`, the first block of HKDF-Expand
/// under the mask key of `world`; then `hmac.new(key, b"ann@x.de", "sha256").hexdigest()`.
const COPIES: [(&str, &str, &str); 2] = [
    (
        "alice_copy",
        "id, tenant, region, ssn, email, amount, qty, code, note, legal_hold, ts",
        "1,t1,DE,nnn-nn-3333,5b8073445ed9c8745434bcb56e51d7f7b65443cd38cb4ccc1c561b2a4680e541,10.00,1,10,ok,NULL,2020-01-01T00:00:00
2,t1,FR,nnn-nn-4444,ad5ba3506d30dcfd07e9e77efea1327f2ad010dc32766847ee6697aa00b7fc5d,NULL,2,20,ok,0,2020-01-02T00:00:00
3,t1,DE,nnn-nn-5555,a84ac9981f7d44bcd07374f3a5d159c83d826cd89d2554ed730df93189eff28c,30.00,3,30,ok,NULL,2020-01-03T00:00:00",
    ),
    (
        "carol_copy",
        "id, region, amount",
        "1,NULL,10.00\n2,NULL,20.00\n900001,US,NULL\n900002,NULL,1.00",
    ),
];

/// The fixture, over one place.
pub async fn world(place: Place, hidden: Hidden) -> World {
    world_made(place, hidden, Making::default()).await
}

/// The fixture with its filters in Cedar.
pub async fn cedar_world(place: Place, hidden: Hidden) -> World {
    governed(place, hidden, Making::default(), &in_cedar(place)).await
}

/// As [`world`], made as told.
pub async fn world_made(place: Place, hidden: Hidden, making: Making<'_>) -> World {
    governed(place, hidden, making, GOVERNED).await
}

async fn governed(place: Place, hidden: Hidden, making: Making<'_>, governed: &str) -> World {
    let database = match place {
        Place::Postgres => Some(Database::create().await.expect("a server of PostgreSQL")),
        _ => None,
    };
    let mut making = making;
    making.variables.extend(database.iter().flat_map(Database::secrets));
    let mut world = World::made(making).await;
    let (visible, rows) = rows(hidden);
    let sources = Sources {
        world: &world,
        place,
        database: database.as_ref(),
    };
    sources.write("orders", COLUMNS, [&visible, &rows]).await;
    for (name, columns, rows) in COPIES {
        sources.write(name, &some_columns(columns), [rows, ""]).await;
    }
    sqlite::execute(&world.path("crm.sqlite"), "CREATE TABLE secret (id BIGINT)").await;
    files::parquet(&world.path("data/sales/secret/a.parquet"), "id bigint", "1");
    files::parquet(&world.path("data/mallory/own/a.parquet"), "id bigint", "900000\n900001");
    let crm = database.as_ref().map(Database::connection);
    let (catalog, database) = place.database().split_once('.').expect("two parts");
    world.set_defaults(catalog, database);
    world
        .apply(&lake(place, crm.as_deref(), governed), &policies(place))
        .await;
    world
}

/// Rows that alice sees, and the others.
fn rows(hidden: Hidden) -> (String, String) {
    let canaries = || CANARY_ROWS.replace("\\u{308}", "\u{308}");
    match hidden {
        Hidden::Canaries => (VISIBLE.to_owned(), canaries()),
        Hidden::Named(name) => (VISIBLE.to_owned(), canaries().replace("CANARY", name)),
        Hidden::Nothing => (VISIBLE.to_owned(), String::new()),
        // Cells of visible rows that nobody but a steward may see differ too.
        Hidden::Others => {
            let visible = VISIBLE
                .replace("Ann", "CHANGED")
                .replace("Bob", "X")
                .replace("20.00", "77.77");
            (visible, OTHER_ROWS.to_owned())
        }
    }
}

/// These of the columns, with their types.
fn some_columns(names: &str) -> String {
    let all = COLUMNS.replace("12,2", "12;2");
    let chosen = names.split(", ").map(|name| {
        let found = all
            .split(", ")
            .find(|column| column.trim().split(' ').next() == Some(name));
        found.expect("a column").trim().to_owned()
    });
    chosen.collect::<Vec<_>>().join(", ").replace("12;2", "12,2")
}

/// Where tables are written.
struct Sources<'a> {
    world: &'a World,
    place: Place,
    database: Option<&'a Database>,
}

impl Sources<'_> {
    /// Two kinds of rows, apart as far as the place can hold them apart.
    async fn write(&self, table: &str, columns: &str, rows: [&str; 2]) {
        let schema = files::schema(columns);
        let batches: Vec<RecordBatch> = rows.iter().map(|rows| files::batch(&schema, rows)).collect();
        let folder = format!("data/sales/{table}");
        match self.place {
            Place::Groups => {
                let all = compute::concat_batches(&schema, &batches).expect("one schema");
                let path = self.world.path(&format!("{folder}/all.parquet"));
                files::write_parquet(&path, &all, batches[0].num_rows().max(1));
            }
            Place::Sqlite | Place::Postgres => self.insert(table, columns, &batches).await,
            Place::Parquet | Place::Partitions | Place::Csv | Place::Ndjson => {
                for (name, batch) in ["a-visible", "b-hidden"].into_iter().zip(&batches) {
                    if batch.num_rows() > 0 {
                        self.write_file(&format!("{folder}/{name}"), batch);
                    }
                }
            }
        }
    }

    fn write_file(&self, name: &str, batch: &RecordBatch) {
        let path = |extension: &str| self.world.path(&format!("{name}.{extension}"));
        match self.place {
            Place::Csv => files::text(&path("csv"), &files::csv_text(batch)),
            Place::Ndjson => files::text(&path("ndjson"), &files::ndjson_text(batch)),
            Place::Partitions => self.write_partitions(name, batch),
            _ => files::write_parquet(&path("parquet"), batch, 2),
        }
    }

    fn write_partitions(&self, name: &str, batch: &RecordBatch) {
        let at = batch.schema().index_of("region").expect("a region");
        let rest: Vec<usize> = (0..batch.num_columns()).filter(|column| *column != at).collect();
        let regions = answer::values(&[batch.project(&[at]).expect("a column")]);
        let (folder, file) = name.rsplit_once('/').expect("a folder");
        for (row, region) in regions.iter().enumerate() {
            let value = match region[0].as_str() {
                "NULL" => "__HIVE_DEFAULT_PARTITION__".to_owned(),
                text => text.replace(' ', "%20"),
            };
            let path = self
                .world
                .path(&format!("{folder}/region={value}/{file}-{row}.parquet"));
            files::write_parquet(&path, &batch.slice(row, 1).project(&rest).expect("columns"), 1);
        }
    }

    async fn insert(&self, table: &str, columns: &str, batches: &[RecordBatch]) {
        let types = match self.place {
            Place::Sqlite => columns
                .replace("decimal(12,2)", "double")
                .replace("timestamp(6)", "varchar"),
            _ => columns.replace("varchar", "text"),
        };
        let types = types.replacen("id bigint", "id bigint NOT NULL", 1);
        let mut sql = format!("CREATE TABLE {table} ({types});");
        for batch in batches.iter().filter(|batch| batch.num_rows() > 0) {
            sql.push_str(&files::insert_text(table, batch));
        }
        match self.database {
            Some(database) => database.execute(&sql).await,
            None => sqlite::execute(&self.world.path("crm.sqlite"), &sql).await,
        }
    }
}

fn lake(place: Place, crm: Option<&str>, governed: &str) -> String {
    let table = format!("{}.orders", place.database());
    let crm = crm.unwrap_or("{connector: sqlite, options: {path: \"./crm.sqlite\"}}");
    let text = r#"
lake: fixture
connections:
  files: {connector: files, options: {root: "./data"}}
  crm: CRM
catalogs:
  lake: {connection: files, default: true}
  crm: {connection: crm, discover: true}
databases:
  lake.sales: {location: "sales/"}
  lake.mallory: {location: "mallory/", owner: "role:mallory-owner"}
roles:
  mallory-owner: {}
users:
  alice: {}
  bob: {}
  carol: {}
  dana: {}
  erin: {}
  empty: {attributes: {dept: []}}
  mallory: {roles: [mallory-owner]}
  nobody: {}
  plain: {}
  right: {attributes: {dept: [t1]}}
  rita: {}
  sly: {attributes: {dept: ["x') OR (1=1", "t1' --"]}}
  sue: {}
  tagless: {}
tables:
  lake.sales.secret: {format: parquet, location: "secret/", columns: [{name: id, type: bigint}]}
  lake.mallory.own: {format: parquet, location: "own/", columns: [{name: id, type: bigint}]}
"#
    .replace("CRM", crm);
    let copies = COPIES.map(|(name, columns, _)| declaration(place, name, &some_columns(columns)));
    let orders = match place.is_file() {
        true => declaration(place, "orders", COLUMNS),
        false => format!("  {table}:\n"),
    };
    let copies = if place.is_file() {
        copies.concat()
    } else {
        String::new()
    };
    text + &copies + orders.trim_end() + governed + &grants(&table, place)
}

fn declaration(place: Place, table: &str, columns: &str) -> String {
    let columns = columns.replace("12,2", "12;2");
    let described = |column: &str| {
        let (name, data_type) = column.trim().split_once(' ').expect("`name type`");
        format!("{{name: {name}, type: \"{}\"}}", data_type.replace(';', ","))
    };
    let is_folder = |column: &&str| place == Place::Partitions && column.trim().starts_with("region ");
    let stored: Vec<String> = columns
        .split(", ")
        .filter(|column| !is_folder(column))
        .map(described)
        .collect();
    let folders: Vec<String> = columns.split(", ").filter(is_folder).map(described).collect();
    let mut text = format!(
        "  {}.{table}:\n    format: {}\n    location: \"{table}/\"\n    columns: [{}]\n",
        place.database(),
        place.format(),
        stored.join(", ")
    );
    if !folders.is_empty() {
        let _ = writeln!(
            text,
            "    partitioned_by: [{}]\n    partitions: hive",
            folders.join(", ")
        );
    }
    text
}

fn grants(table: &str, place: Place) -> String {
    let mut text = "grants:\n".to_owned();
    let mut grant = |to: &str, privilege: &str, resource: &str| {
        let _ = writeln!(
            text,
            "  - {{to: \"user:{to}\", privileges: [{privilege}], resource: \"{resource}\"}}"
        );
    };
    let container = if place.is_file() {
        "database:lake.sales"
    } else {
        "catalog:crm"
    };
    grant("plain", "select", container);
    for filter in ["eu", "de"] {
        grant("erin", "select-filtered", &format!("filter:{table}/{filter}"));
        grant("alice", "select-filtered", &format!("filter:{table}/{filter}"));
        grant("rita", "select-filtered", &format!("filter:{table}/{filter}"));
    }
    for filter in ["us", "small"] {
        grant("carol", "select-filtered", &format!("filter:{table}/{filter}"));
    }
    for who in ["empty", "right", "sly", "tagless"] {
        grant(who, "select-filtered", &format!("filter:{table}/dept"));
    }
    for who in ["alice", "erin", "rita"] {
        grant(who, "select-masked", &format!("mask:{table}.ssn/last4"));
        grant(who, "select-masked", &format!("mask:{table}.ssn/fixed"));
        grant(who, "select-masked", &format!("mask:{table}.email/hash"));
    }
    for who in ["dana", "sue"] {
        grant(who, "select", &format!("table:{table}"));
        grant(who, "bypass-filter", &format!("filter:{table}/hold"));
    }
    grant("rita", "read-stats", &format!("table:{table}"));
    grant("sue", "read-stats", &format!("table:{table}"));
    grant("mallory", "select", "table:lake.mallory.own");
    text
}

/// bob may describe the database itself, nothing in it.
fn policies(place: Place) -> String {
    format!(
        "@id(\"bob.describe\")\npermit(principal == Lakegate::User::\"bob\", action == Lakegate::Action::\"Describe\", \
         resource == Lakegate::Database::\"{}\");\n",
        place.database()
    )
}
