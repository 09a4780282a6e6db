//! A PostgreSQL server for the suite, and a database of its own on it.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use arrow::{
    array::{
        ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Decimal128Builder,
        Decimal256Array, FixedSizeBinaryArray, Float32Array, Float64Array, Int16Array, Int32Array, Int64Array,
        Int64Builder, IntervalMonthDayNanoArray, ListArray, ListBuilder, StringBuilder, StringViewArray,
        Time64MicrosecondArray, TimestampMicrosecondArray,
    },
    datatypes::{Int32Type, IntervalMonthDayNano, i256},
};
use async_trait::async_trait;
use datafusion::common::ScalarValue;
use lakegate_connectors::{
    connection::Connection,
    connector::Connector,
    contract::{Broken, Fixture, Hidden, Lake, Misfit, Typed, fixture::MARK},
    credential::Credential,
    postgres::PostgresConnector,
    predicate::{CompareOp, Predicate},
};
use tokio_postgres::{Client, NoTls};

const DATABASE: &str = "conformance";
const TABLES: usize = 10_000;

pub struct Server {
    port: u16,
    lake: Lake,
    admin: Client,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Server")
    }
}

fn setting(name: &str) -> Option<String> {
    std::env::var(format!("LAKEGATE_TEST_PG_{name}"))
        .ok()
        .filter(|value| !value.is_empty())
}

async fn client(port: u16, database: &str) -> Client {
    let mut config = tokio_postgres::Config::new();
    config.host("127.0.0.1").port(port).dbname(database);
    config
        .user(setting("USER").unwrap())
        .password(setting("PASSWORD").unwrap());
    let (client, driver) = config.connect(NoTls).await.unwrap();
    tokio::spawn(driver);
    client
}

fn sql() -> String {
    format!(
        r#"DROP SCHEMA IF EXISTS "Suite" CASCADE; CREATE SCHEMA "Suite"; SET search_path = "Suite", public;
        CREATE TABLE "MixedCase" ("ColUmn" int); CREATE TABLE "MIXEDCASE" (a int);
        CREATE TYPE mood AS ENUM ('happy', 'sad'); CREATE TYPE pair AS (a int, b text);
        CREATE TABLE typed (b bool, i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, n numeric(12,2), t text, a bytea,
            ts timestamp, tz timestamptz, d date, tm time, u uuid, j jsonb, iv interval, w numeric(50,3), bn numeric, ch char(3),
            l int4[], ll int8[][], tt text[], nn numeric(6,2)[], e mood, es mood[], c pair);
        INSERT INTO typed (b) VALUES (NULL); INSERT INTO typed VALUES
            (false, -32768, -2147483648, -9223372036854775808, '-Infinity', 'NaN', -9999999999.99, '', '', '1970-01-01',
             '1970-01-01 02:00+02', '1970-01-01', '00:00', '00000000-0000-0000-0000-0000000000ff', '{{}}',
             '-1 mon 2 days', -99999999999999999999999999999999999999999999999.999, -0.000000001, '', '{{}}', '{{}}', '{{}}', '{{}}', 'sad',
             '{{}}', ROW(NULL, NULL)),
            (true, 32767, 2147483647, 9223372036854775807, 1.5, '-0', 9999999999.99, 'Zoë 🛫', '\x00ff', '2000-01-01',
             '2000-01-01 00:00+00', '2000-01-01', '23:59:59.999999', '00000000-0000-0000-0000-000000000001', '[1]',
             '1.000001 s', 1.5, 99999999999999999999999999999.999999999, 'ä', '{{1,NULL,-3}}', '{{{{1,2}},{{3,NULL}}}}', '{{"","Zoë 🛫",NULL}}',
             '{{1.5,-9999.99}}', 'happy', '{{happy,NULL}}', ROW(1, 'x y'));
        CREATE TABLE nan (odd numeric); INSERT INTO nan VALUES ('NaN');
        CREATE TABLE forever (odd timestamptz); INSERT INTO forever VALUES ('infinity');
        CREATE TABLE ancient (odd date); INSERT INTO ancient VALUES ('0044-03-15 BC');
        CREATE TABLE hidden (id int, region char(2), owner text, odd numeric);
        INSERT INTO hidden VALUES (1, 'DE', 'ana', 1.5), (2, 'US', 'bo', 'NaN');
        CREATE TABLE random (id int8 PRIMARY KEY, n int4, t text, c char(3), r float8, num numeric(10,3), b bytea, d date,
            ts timestamptz, u uuid, v bool, iv interval);
        INSERT INTO random SELECT i, CASE WHEN i % 7 > 0 THEN i % 5 - 2 END,
            (ARRAY[NULL, 'a', 'A', 'b%_c', '', 'ä🛫'])[1 + i % 6], CASE WHEN i % 3 > 0 THEN 'x' END,
            (ARRAY[NULL, 'NaN', 'Infinity', '-0'::float8, 0.0, 1.5])[1 + i % 6], CASE WHEN i % 4 > 0 THEN i / 8.0 END,
            CASE WHEN i % 5 > 0 THEN decode(lpad(to_hex(i % 5), 2, '0'), 'hex') END, CASE WHEN i % 6 > 0 THEN date '2020-01-01' + i % 4 END,
            CASE WHEN i % 7 > 0 THEN timestamptz '2020-01-01 00:00+00' + (i % 3) * interval '1 hour' END,
            CASE WHEN i % 2 > 0 THEN ('00000000-0000-0000-0000-00000000000' || i % 10)::uuid END,
            CASE WHEN i % 3 > 0 THEN i % 2 = 0 END, CASE WHEN i % 2 > 0 THEN i % 3 * interval '1 day' END FROM generate_series(1, 60) i;
        CREATE TABLE numbers (id int, name text, pad text) WITH (fillfactor = 10, autovacuum_enabled = off);
        INSERT INTO numbers SELECT 1 + i * 1777 % 5000, 'n' || (1 + i * 1777 % 5000), repeat('x', 450) FROM generate_series(0, 4999) i;
        CREATE VIEW never AS SELECT 1 AS id FROM (SELECT pg_sleep(600)) s;
        CREATE VIEW endless AS SELECT generate_series(1, 1000000000) AS id, repeat('x', 100000) AS wide;
        CREATE TABLE owned AS SELECT i AS id, CASE i % 2 WHEN 1 THEN 'ana' ELSE 'bo' END AS owner,
            CASE i % 2 WHEN 1 THEN 'note ' || i ELSE '{MARK}' END AS note FROM generate_series(1, 100) i;
        CREATE VIEW computed AS SELECT id, owner, 10 / (id - 2) AS share FROM owned;"#
    )
}

fn array<T: arrow::array::Array + 'static>(values: T) -> ArrayRef {
    Arc::new(values)
}

/// NULL, no elements, and these.
fn of_numbers<T: ArrowPrimitiveType>(values: [Option<T::Native>; 3]) -> ListArray {
    ListArray::from_iter_primitive::<T, _, _>([None, Some(vec![]), Some(values.to_vec())])
}

fn texts(values: &[Option<&str>]) -> ArrayRef {
    let mut lists = ListBuilder::new(StringBuilder::new());
    lists.append_null();
    lists.append(true);
    lists.append_value(values.iter().copied());
    array(lists.finish())
}

fn hundredths() -> ArrayRef {
    let elements = Decimal128Builder::new().with_precision_and_scale(6, 2).unwrap();
    let mut lists = ListBuilder::new(elements);
    lists.append_null();
    lists.append(true);
    lists.append_value([Some(150), Some(-999_999)]);
    array(lists.finish())
}

fn lists_of_lists() -> ArrayRef {
    let mut lists = ListBuilder::new(ListBuilder::new(Int64Builder::new()));
    lists.append_null();
    lists.append(true);
    lists.values().append_value([Some(1), Some(2)]);
    lists.values().append_value([Some(3), None]);
    lists.append(true);
    array(lists.finish())
}

fn typed() -> Typed {
    let uuids = [None, Some([0, 255]), Some([0, 1])].map(|tail| {
        tail.map(|tail| {
            let mut bytes = [0_u8; 16];
            bytes[14..].copy_from_slice(&tail);
            bytes
        })
    });
    let uuids = FixedSizeBinaryArray::try_from_sparse_iter_with_size(uuids.into_iter(), 16).unwrap();
    let decimals = Decimal128Array::from(vec![None, Some(-999_999_999_999), Some(999_999_999_999)]);
    let nines = i256::from_i128(10).wrapping_pow(50).wrapping_sub(i256::ONE);
    let wide = Decimal256Array::from(vec![None, Some(nines.wrapping_neg()), Some(i256::from_i128(1_500))]);
    let bare = Decimal128Array::from(vec![None, Some(-1), Some(10_i128.pow(38) - 1)]);
    let micros = vec![None, Some(0), Some(946_684_800_000_000)];
    Typed {
        table: "typed",
        columns: [
            ("b", array(BooleanArray::from(vec![None, Some(false), Some(true)]))),
            (
                "i2",
                array(Int16Array::from(vec![None, Some(i16::MIN), Some(i16::MAX)])),
            ),
            (
                "i4",
                array(Int32Array::from(vec![None, Some(i32::MIN), Some(i32::MAX)])),
            ),
            (
                "i8",
                array(Int64Array::from(vec![None, Some(i64::MIN), Some(i64::MAX)])),
            ),
            (
                "f4",
                array(Float32Array::from(vec![None, Some(f32::NEG_INFINITY), Some(1.5)])),
            ),
            ("f8", array(Float64Array::from(vec![None, Some(f64::NAN), Some(-0.0)]))),
            ("n", array(decimals.with_precision_and_scale(12, 2).unwrap())),
            ("t", array(StringViewArray::from(vec![None, Some(""), Some("Zoë 🛫")]))),
            (
                "a",
                array(BinaryArray::from(vec![None, Some(&b""[..]), Some(&[0, 255][..])])),
            ),
            ("ts", array(TimestampMicrosecondArray::from(micros.clone()))),
            (
                "tz",
                array(TimestampMicrosecondArray::from(micros).with_timezone("UTC")),
            ),
            ("d", array(Date32Array::from(vec![None, Some(0), Some(10_957)]))),
            (
                "tm",
                array(Time64MicrosecondArray::from(vec![None, Some(0), Some(86_399_999_999)])),
            ),
            ("u", array(uuids)),
            (
                "iv",
                array(IntervalMonthDayNanoArray::from(vec![
                    None,
                    Some(IntervalMonthDayNano::new(-1, 2, 0)),
                    Some(IntervalMonthDayNano::new(0, 0, 1_000_001_000)),
                ])),
            ),
            ("w", array(wide.with_precision_and_scale(50, 3).unwrap())),
            ("bn", array(bare.with_precision_and_scale(38, 9).unwrap())),
            ("ch", array(StringViewArray::from(vec![None, Some("   "), Some("ä  ")]))),
            ("l", array(of_numbers::<Int32Type>([Some(1), None, Some(-3)]))),
            ("ll", lists_of_lists()),
            ("tt", texts(&[Some(""), Some("Zoë 🛫"), None])),
            ("nn", hundredths()),
            (
                "e",
                array(StringViewArray::from(vec![None, Some("sad"), Some("happy")])),
            ),
            ("es", texts(&[Some("happy"), None])),
            (
                "c",
                array(StringViewArray::from(vec![None, Some("(,)"), Some("(1,\"x y\")")])),
            ),
            ("j", array(StringViewArray::from(vec![None, Some("{}"), Some("[1]")]))),
        ]
        .into(),
    }
}

fn lake() -> Lake {
    let misfit = |table: &str| Misfit {
        table: table.into(),
        column: "odd",
    };
    let hidden = |column: &str, value: &str| Hidden {
        table: "hidden",
        columns: vec!["id", "region", "owner", "odd"],
        guard: Predicate::compare(column, CompareOp::Eq, ScalarValue::from(value)),
        rows: 1,
    };
    Lake {
        database: "Suite".into(),
        many: ("many".into(), TABLES),
        spellings: vec!["MixedCase", "MIXEDCASE"],
        typed: vec![typed()],
        misfits: vec![misfit("nan"), misfit("forever"), misfit("ancient")],
        // Blank-padded text is not compared at the server, other text is.
        hidden: vec![hidden("region", "DE"), hidden("owner", "ana")],
        random: vec!["random"],
        sparse: false,
        numbers: "numbers",
        never: "never",
        endless: "endless",
        owned: "owned",
        computed: Some(("computed", "share")),
        secrets: vec![setting("PASSWORD").unwrap()],
    }
}

impl Server {
    pub async fn start() -> Option<Arc<dyn Fixture>> {
        if setting("HOST").is_none() {
            eprintln!("skipped: postgres: LAKEGATE_TEST_PG_HOST is not set");
            return None;
        }
        let port: u16 = setting("PORT").unwrap().parse().unwrap();
        let first = client(port, &setting("DATABASE").unwrap()).await;
        let there = "SELECT count(*) FROM pg_database WHERE datname = $1";
        if first.query_one(there, &[&DATABASE]).await.unwrap().get::<_, i64>(0) == 0 {
            first
                .batch_execute(&format!("CREATE DATABASE {DATABASE}"))
                .await
                .unwrap();
            let admin = client(port, DATABASE).await;
            admin.batch_execute("CREATE SCHEMA many").await.unwrap();
            // The locks of one transaction are limited.
            for from in (0..TABLES).step_by(500) {
                let create = format!(
                    "DO $$ BEGIN FOR i IN {from}..{} LOOP EXECUTE 'CREATE TABLE many.t' || i || '()'; END LOOP; END $$",
                    from + 499
                );
                admin.batch_execute(&create).await.unwrap();
            }
        }
        let admin = client(port, DATABASE).await;
        admin.batch_execute(&sql()).await.unwrap();
        Some(Arc::new(Self {
            port,
            lake: lake(),
            admin,
        }))
    }
}

#[async_trait]
impl Fixture for Server {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn connector(&self) -> Arc<dyn Connector> {
        Arc::new(PostgresConnector::new())
    }

    fn connection(&self) -> Connection {
        let mut connection = self.through(self.port).unwrap();
        connection.id = "server".into();
        if let Some(ca) = setting("CA") {
            connection.options.insert("ca".into(), format!("file://{ca}").into());
            connection.options.remove("tls");
        }
        connection
    }

    fn lake(&self) -> &Lake {
        &self.lake
    }

    fn parts(&self) -> usize {
        4
    }

    fn address(&self) -> Option<SocketAddr> {
        Some((Ipv4Addr::LOCALHOST, self.port).into())
    }

    fn through(&self, port: u16) -> Option<Connection> {
        Some(Connection {
            id: format!("server-{port}"),
            kind: "postgres".into(),
            options: [
                ("host".to_owned(), "127.0.0.1".into()),
                ("port".to_owned(), port.into()),
                ("database".to_owned(), DATABASE.into()),
                ("tls".to_owned(), "disable".into()),
            ]
            .into(),
            credential: Credential::from_plain([
                ("user", setting("USER").unwrap().as_str()),
                ("password", setting("PASSWORD").unwrap().as_str()),
            ]),
            ..Connection::default()
        })
    }

    async fn busy(&self, query: &str) -> Result<usize, Broken> {
        let text = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND state = 'active'";
        let row = self.admin.query_one(text, &[&format!("lakegate:{query}")]).await?;
        Ok(usize::try_from(row.get::<_, i64>(0))?)
    }

    async fn disturb(&self) -> Result<bool, Broken> {
        let text = r#"INSERT INTO "Suite".numbers SELECT max(id) + 1, 'more', '' FROM "Suite".numbers"#;
        self.admin.batch_execute(text).await?;
        Ok(true)
    }
}
