//! Which lake do the leak tests attack? The one of governance.md §9.3, over files of each format and over SQLite.
//!
//! What nobody but a steward may see is full of canaries; hidden rows lie in a file of their own.

use std::fmt::Write as _;

use crate::{files, sqlite, world::World};

/// Where `orders` lies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    Parquet,
    Csv,
    Ndjson,
    Sqlite,
}

impl Place {
    pub const ALL: [Self; 4] = [Self::Parquet, Self::Csv, Self::Ndjson, Self::Sqlite];

    /// `catalog.database` of `orders`.
    pub fn database(self) -> &'static str {
        if self == Self::Sqlite { "crm.main" } else { "lake.sales" }
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

/// The fixture, over one place.
pub async fn world(place: Place, hidden: Hidden) -> World {
    governed(place, hidden, GOVERNED).await
}

/// The fixture with its filters in Cedar.
pub async fn cedar_world(place: Place, hidden: Hidden) -> World {
    governed(place, hidden, &in_cedar(place)).await
}

async fn governed(place: Place, hidden: Hidden, governed: &str) -> World {
    let mut world = World::new().await;
    let visible = VISIBLE.to_owned();
    // Cells of visible rows that nobody but a steward may see differ too.
    let visible = if hidden == Hidden::Others {
        visible
            .replace("Ann", "CHANGED")
            .replace("Bob", "X")
            .replace("20.00", "77.77")
    } else {
        visible
    };
    let rows = match hidden {
        Hidden::Canaries => CANARY_ROWS.replace("\\u{308}", "\u{308}"),
        Hidden::Others => OTHER_ROWS.to_owned(),
        Hidden::Nothing => String::new(),
    };
    write(&world, place, &visible, &rows).await;
    let (catalog, database) = place.database().split_once('.').expect("two parts");
    world.set_defaults(catalog, database);
    world.apply(&lake(place, governed), &policies(place)).await;
    world
}

async fn write(world: &World, place: Place, visible: &str, hidden: &str) {
    let schema = files::schema(COLUMNS);
    sqlite::execute(&world.path("crm.sqlite"), "CREATE TABLE secret (id BIGINT)").await;
    files::parquet(&world.path("data/sales/secret/a.parquet"), "id bigint", "1");
    files::parquet(&world.path("data/mallory/own/a.parquet"), "id bigint", "900000\n900001");
    for (name, rows) in [("a-visible", visible), ("b-hidden", hidden)] {
        if rows.is_empty() {
            continue;
        }
        let batch = files::batch(&schema, rows);
        let path = |extension: &str| world.path(&format!("data/sales/orders/{name}.{extension}"));
        match place {
            Place::Parquet => files::write_parquet(&path("parquet"), &batch, 2),
            Place::Csv => files::text(&path("csv"), &files::csv_text(&batch)),
            Place::Ndjson => files::text(&path("ndjson"), &files::ndjson_text(&batch)),
            Place::Sqlite => {
                let types = COLUMNS
                    .replace("decimal(12,2)", "double")
                    .replace("timestamp(6)", "varchar");
                let table = format!("CREATE TABLE IF NOT EXISTS orders ({types});");
                sqlite::execute(
                    &world.path("crm.sqlite"),
                    &(table + &files::insert_text("orders", &batch)),
                )
                .await;
            }
        }
    }
}

fn lake(place: Place, governed: &str) -> String {
    let table = format!("{}.orders", place.database());
    let mut text = r#"
lake: fixture
connections:
  files: {connector: files, options: {root: "./data"}}
  crm: {connector: sqlite, options: {path: "./crm.sqlite"}}
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
  empty: {attributes: {dept: []}}
  mallory: {roles: [mallory-owner]}
  nobody: {}
  right: {attributes: {dept: [t1]}}
  rita: {}
  sly: {attributes: {dept: ["x') OR (1=1", "t1' --"]}}
  sue: {}
  tagless: {}
tables:
  lake.sales.secret: {format: parquet, location: "secret/", columns: [{name: id, type: bigint}]}
  lake.mallory.own: {format: parquet, location: "own/", columns: [{name: id, type: bigint}]}
"#
    .to_owned();
    if place == Place::Sqlite {
        let _ = writeln!(text, "  {table}:{governed}");
    } else {
        let format = format!("{place:?}").to_lowercase();
        let columns: Vec<String> = COLUMNS
            .replace("12,2", "12;2")
            .split(", ")
            .map(|column| {
                let (name, data_type) = column.trim().split_once(' ').expect("`name type`");
                format!("{{name: {name}, type: \"{}\"}}", data_type.replace(';', ","))
            })
            .collect();
        let columns = columns.join(", ");
        let _ = writeln!(
            text,
            "  {table}:\n    format: {format}\n    location: \"orders/\"\n    columns: [{columns}]{governed}"
        );
    }
    text + &grants(&table)
}

fn grants(table: &str) -> String {
    let mut text = "grants:\n".to_owned();
    let mut grant = |to: &str, privilege: &str, resource: &str| {
        let _ = writeln!(
            text,
            "  - {{to: \"user:{to}\", privileges: [{privilege}], resource: \"{resource}\"}}"
        );
    };
    for filter in ["eu", "de"] {
        grant("alice", "select-filtered", &format!("filter:{table}/{filter}"));
        grant("rita", "select-filtered", &format!("filter:{table}/{filter}"));
    }
    for filter in ["us", "small"] {
        grant("carol", "select-filtered", &format!("filter:{table}/{filter}"));
    }
    for who in ["empty", "right", "sly", "tagless"] {
        grant(who, "select-filtered", &format!("filter:{table}/dept"));
    }
    for who in ["alice", "rita"] {
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
