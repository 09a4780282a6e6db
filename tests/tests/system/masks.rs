//! Do masks hold what governance.md §5 says: keyed hashes, generalisation, constants, over files and SQLite?

use lakegate::lake::ApplyOptions;
use lakegate_query::{error::ErrorCode, sealed::MasterKey};
use lakegate_tests::{
    files, sqlite,
    world::{World, master_key},
};

const COLUMNS: &str =
    "id bigint, email varchar, owner varchar, rank int, amount decimal(12,2), score double, born date, note varchar";
const ROWS: &str = "1,ann@x.de,ann@x.de,-7,10.00,7.25,1970-01-09,111-22-3333
2,böb@x.fr,ann@x.de,3,-0.01,-0.1,1969-12-31,12345
3,NULL,böb@x.fr,NULL,NULL,NULL,NULL,NULL";

/// A lake in which eve sees `id` of every row, and of each other column the mask that is named here (YAML).
async fn world(masks: &str, grants: &[&str]) -> World {
    let world = World::new().await;
    files::parquet(&world.path("data/t/x/a.parquet"), COLUMNS, ROWS);
    let batch = files::batch(&files::schema(COLUMNS), ROWS);
    files::text(&world.path("data/t/c/a.csv"), &files::csv_text(&batch));
    let types = COLUMNS.replace("decimal(12,2)", "double").replace("date", "varchar");
    let inserts = files::insert_text("x", &batch);
    sqlite::execute(
        &world.path("crm.sqlite"),
        &format!("CREATE TABLE x ({types});{inserts}"),
    )
    .await;
    apply(&world, masks, grants).await;
    world
}

async fn apply(world: &World, masks: &str, grants: &[&str]) {
    if let Err(error) = world
        .apply_with(&lake(masks, grants), "", ApplyOptions::default())
        .await
    {
        panic!("{error}");
    }
}

fn lake(masks: &str, grants: &[&str]) -> String {
    let columns: Vec<String> = COLUMNS
        .split(", ")
        .map(|column| {
            let (name, data_type) = column.split_once(' ').unwrap();
            format!("{{name: {name}, type: \"{data_type}\"}}")
        })
        .collect();
    let columns = columns.join(", ");
    let open = "filters: {some: {where: \"TRUE\", columns: [id]}}";
    let mut text = format!(
        "lake: own\nconnections:\n  files: {{connector: files, options: {{root: \"./data\"}}}}\n  crm: {{connector: sqlite, \
         options: {{path: \"./crm.sqlite\"}}}}\ncatalogs:\n  lake: {{connection: files, default: true}}\n  crm: {{connection: crm, \
         discover: true}}\ndatabases:\n  lake.t: {{location: \"t/\"}}\nusers:\n  eve: {{}}\n  sam: {{}}\ntables:\n  \
         lake.t.x: {{format: parquet, location: \"x/\", columns: [{columns}], {open}, masks: {masks}}}\n  \
         lake.t.c: {{format: csv, location: \"c/\", columns: [{columns}], {open}, masks: {masks}}}\ngrants:\n"
    );
    for table in ["x", "c"] {
        text += &format!(
            "  - {{to: \"user:eve\", privileges: [select-filtered], resource: \"filter:lake.t.{table}/some\"}}\n"
        );
        for column in grants {
            text += &format!(
                "  - {{to: \"user:eve\", privileges: [select-masked], resource: \"mask:lake.t.{table}.{column}/m\"}}\n"
            );
        }
    }
    text + "  - {to: \"user:sam\", privileges: [select], resource: \"table:lake.t.x\"}\n"
}

const KEYED: &str = "{email: {m: {func: hmac-sha-256, rank: 1, domain: people}}, owner: {m: {func: hmac-sha-256, rank: 1, domain: \
                     people}}, id: {m: {func: hmac-sha-256, rank: 1, domain: ids}}, rank: {m: {func: hmac-sha-256, rank: 1, \
                     domain: ids}}, note: {m: {func: hmac-sha-256, rank: 1}}}";

// python3: k = b"\x07" * 32; d = hmac.new(k, b"lakegate/mask/domain:people\x01", "sha256").digest()
// hmac.new(d, b"ann@x.de", "sha256").hexdigest()
// struct.unpack("<i", hmac.new(dom("ids"), struct.pack("<i", -7), "sha256").digest()[:4])
const ANN: &str = "5b8073445ed9c8745434bcb56e51d7f7b65443cd38cb4ccc1c561b2a4680e541";
const BOB: &str = "2d814864017aa2231e6c0f288e9a7c1cd0c3a5e4421fef3e16847c5185841788";
const RANK: &str = "-1295275101";
/// Of the key of 32 times 8.
const ANN_ROTATED: &str = "c4d3d04b4e377d3103769ed95fde182f748f9d0519bc5b8ff0e331f7f01ca704";

/// Keyed hashes are those of another implementation, in files that come typed and in files that come as text.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keyed_hashes_are_those_of_another_implementation() {
    let world = world(KEYED, &["email", "owner", "rank"]).await;
    for table in ["x", "c"] {
        assert_eq!(
            world.rows("eve", &format!("SELECT id, email, rank FROM {table}")).await,
            [
                format!("1 | {ANN} | {RANK}"),
                format!("2 | {BOB} | {}", second_rank(&world).await),
                "3 | NULL | NULL".to_owned(),
            ],
            "{table}"
        );
    }
    let types = world.ask("eve", "SELECT email, rank FROM x").await.columns();
    assert_eq!(types, "email Utf8?, rank Int32?");
}

async fn second_rank(world: &World) -> String {
    world.ask("eve", "SELECT rank FROM x WHERE id = 2").await.text()
}

/// Equal across statements, tables and servers of one store; alike in columns of one domain, and in no others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn domains_join_and_columns_do_not() {
    let world = world(KEYED, &["email", "owner", "note"]).await;
    let twice = world.rows("eve", "SELECT email, note FROM x").await;
    assert_eq!(twice, world.rows("eve", "SELECT email, note FROM x").await);
    let joined = "SELECT a.id, b.id FROM x a JOIN c b ON a.email = b.owner";
    assert_eq!(world.rows("eve", joined).await, ["1 | 1", "1 | 2", "2 | 3"]);
    // Without a domain each column is its own, though the values are the same.
    let apart = "{email: {m: {func: hmac-sha-256, rank: 1}}, owner: {m: {func: hmac-sha-256, rank: 1}}}";
    apply(&world, apart, &["email", "owner"]).await;
    assert_eq!(world.rows("eve", joined).await, Vec::<String>::new());
    assert_eq!(
        world
            .rows("eve", "SELECT count(*) FROM x a JOIN x b ON a.email = b.email")
            .await,
        ["2"]
    );
    // A domain that is called as another column's id is still another domain.
    let snapshot = world.store.snapshot().await.unwrap();
    let table = lakegate_catalog::name::TableName::new("lake", "t", "x");
    let email = snapshot.find_table(&table).unwrap().table.body.columns[1]
        .id
        .to_string();
    let owner = format!(
        "{{email: {{m: {{func: hmac-sha-256, rank: 1}}}}, owner: {{m: {{func: hmac-sha-256, rank: 1, domain: \"{email}\"}}}}}}"
    );
    apply(&world, &owner, &["email", "owner"]).await;
    assert_eq!(
        world
            .rows("eve", "SELECT a.id FROM x a JOIN x b ON a.email = b.owner")
            .await,
        Vec::<String>::new()
    );
}

/// A new mask key changes what is seen, ends stored results that showed the old one, and touches nobody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotation_changes_the_hashes_and_closes_old_results() {
    let world = world(KEYED, &["email"]).await;
    let request = |sql: &str| world.request(sql);
    let (eve, sam) = (world.caller("eve").await, world.caller("sam").await);
    let hashed = stored(&world, &eve, request("SELECT email FROM x WHERE id = 1")).await;
    let clear = stored(&world, &sam, request("SELECT email FROM x WHERE id = 1")).await;
    assert!(world.queries.results(&eve, &hashed, 0, None).await.is_ok());
    world.rotate_mask_key(8).await;
    assert_eq!(
        world.rows("eve", "SELECT email FROM x WHERE id = 1").await,
        [ANN_ROTATED]
    );
    let refused = world.queries.results(&eve, &hashed, 0, None).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::PolicyChanged);
    assert!(world.queries.results(&sam, &clear, 0, None).await.is_ok());
}

async fn stored(
    world: &World,
    caller: &lakegate_query::context::Caller,
    request: lakegate_query::service::SubmitRequest,
) -> String {
    let record = world.queries.submit(caller, request).await.unwrap();
    let ended = world
        .queries
        .wait(caller, &record.id, std::time::Duration::from_secs(60))
        .await
        .unwrap();
    let ended = if ended.state.is_final() {
        ended
    } else {
        world
            .queries
            .wait(caller, &record.id, std::time::Duration::from_secs(60))
            .await
            .unwrap()
    };
    assert!(ended.failure.is_none(), "{ended:?}");
    record.id
}

/// Another server shows the same with the same master key. Without it, or with another one, it denies what needs the mask
/// key, tells nobody why, and serves the rest.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_master_key_keyed_masks_deny() {
    let world = world(KEYED, &["email"]).await;
    let sql = "SELECT email FROM x WHERE id = 1";
    let same = world.server("same", Some(master_key())).await;
    let answer = world.run_on(&same, "eve", world.request(sql)).await.unwrap();
    assert_eq!(answer.text(), ANN);
    for (name, master) in [("none", None), ("other", MasterKey::of_hex(&"11".repeat(32)).ok())] {
        let server = world.server(name, master).await;
        for sql in [sql, "SELECT count(*) FROM x", "EXPLAIN SELECT email FROM x"] {
            let failure = world.run_on(&server, "eve", world.request(sql)).await.unwrap_err();
            assert_eq!(failure.error.code, ErrorCode::MaskKeyUnavailable, "{name}: {sql}");
            assert_eq!(
                failure.error.to_string(),
                "table `lake.t.x` cannot be read until this server has the key that masks its values"
            );
        }
        let clear = world.run_on(&server, "sam", world.request(sql)).await.unwrap();
        assert_eq!(clear.text(), "ann@x.de", "{name}");
    }
}

const GENERAL: &str = "{email: {m: {func: \"constant('n/a')\", rank: 1}}, owner: {m: {func: \"keep(4, right)\", rank: 1}}, rank: {m: \
                       {func: bucket(10), rank: 1}}, amount: {m: {func: bucket(2.5), rank: 1}}, score: {m: {func: bucket(10), \
                       rank: 1}}, born: {m: {func: bucket(7), rank: 1}}, note: {m: {func: \"keep(4, right)\", rank: 1}}}";

/// Generalisation and constants keep types; NULL stays, but under a constant.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_are_generalised_in_their_type() {
    let columns = ["email", "owner", "rank", "amount", "score", "born", "note"];
    let world = world(GENERAL, &columns).await;
    for table in ["x", "c"] {
        assert_eq!(
            world.rows("eve", &format!("SELECT * FROM {table}")).await,
            [
                "1 | n/a | xxx@x.xx | -10 | 10.00 | 0.0 | 1970-01-08 | nnn-nn-3333",
                "2 | n/a | xxx@x.xx | 0 | -2.50 | -10.0 | 1969-12-25 | nnnnn",
                "3 | n/a | xxx@x.xx | NULL | NULL | NULL | NULL | NULL",
            ],
            "{table}"
        );
    }
    let types = world.ask("eve", "SELECT * FROM x").await.columns();
    assert_eq!(
        types,
        "id Int64?, email Utf8?, owner Utf8?, rank Int32?, amount Decimal128(12, 2)?, score Float64?, born Date32?, note Utf8?"
    );
    // The audit names the function, and no literal.
    let event = world
        .audit()
        .await
        .into_iter()
        .find(|event| event.masks.contains_key("email"))
        .unwrap();
    assert_eq!(event.masks["email"], "constant@1");
    // Expressions of the caller see the mask: no value is found by asking for it.
    assert_eq!(
        world.rows("eve", "SELECT id FROM x WHERE note = '12345'").await,
        Vec::<String>::new()
    );
    assert_eq!(world.rows("eve", "SELECT count(email) FROM x").await, ["3"]);
}

const NESTED: &str = "lake: own\nconnections:\n  files: {connector: files, options: {root: \"./data\"}}\ncatalogs:\n  lake: {connection: files, \
     default: true}\ndatabases:\n  lake.t: {location: \"t/\"}\nusers:\n  eve: {}\ntables:\n  lake.t.n: {format: ndjson, \
     location: \"n/\", columns: [{name: id, type: bigint}, {name: addr, type: \"row(street varchar, zip varchar)\"}], \
     filters: {some: {where: \"TRUE\", except: [addr.zip]}}, masks: {addr.zip: {m: {func: hmac-sha-256, rank: 1, domain: \
     people}}}}\ngrants:\n  - {to: \"user:eve\", privileges: [select-filtered], resource: \"filter:lake.t.n/some\"}\n  - {to: \
     \"user:eve\", privileges: [select-masked], resource: \"mask:lake.t.n.addr.zip/m\"}\n";

/// The mask of a field holds on every way to it, over files that come as text too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn masks_of_fields_hold_on_every_way() {
    let world = World::new().await;
    let line = |id: i64, zip: &str| format!("{{\"id\": {id}, \"addr\": {{\"street\": \"s\", \"zip\": {zip}}}}}\n");
    files::text(
        &world.path("data/t/n/a.ndjson"),
        &(line(1, "\"ann@x.de\"") + &line(2, "null")),
    );
    world.apply(NESTED, "").await;
    for sql in [
        "SELECT addr.zip FROM n",
        "SELECT addr['zip'] FROM n",
        "SELECT get_field(addr, 'zip') FROM n",
    ] {
        assert_eq!(
            world.rows("eve", sql).await,
            [ANN.to_owned(), "NULL".to_owned()],
            "{sql}"
        );
    }
    let whole = world.rows("eve", "SELECT addr FROM n WHERE id = 1").await;
    assert_eq!(whole, [format!("{{street: s, zip: {ANN}}}")]);

    // A forbid on the struct closes its fields as one on a column does: what a mask shows of them, it still shows.
    let forbid = "@id(\"closed\") forbid(principal, action == Lakegate::Action::\"Select\", resource == Lakegate::Column::\"lake.t.n.addr\");";
    world.apply(NESTED, forbid).await;
    let whole = world.rows("eve", "SELECT addr FROM n WHERE id = 1").await;
    assert_eq!(whole, [format!("{{zip: {ANN}}}")]);
    let hidden = world.outcome("eve", "SELECT addr.street FROM n").await.unwrap_err();
    let missing = world.outcome("eve", "SELECT addr.absent FROM n").await.unwrap_err();
    assert_eq!((hidden.0, hidden.1.replace("street", "absent")), missing);
}

/// What probably was not meant is said when it is applied; what cannot be is refused with its remedy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn masks_are_checked_when_they_are_published() {
    let world = world("{}", &[]).await;
    let weak = "{note: {m: {func: show-last-4, rank: 1}}, email: {m: {func: sha-256-global, rank: 1}}, owner: {m: {func: \
                hmac-sha-256, rank: 1}}}";
    let report = world.try_apply(&lake(weak, &[]), "").await.unwrap();
    let warned: Vec<bool> = ["keep(4, right)", "hmac-sha-256", "lake.t.c.owner"]
        .map(|text| report.warnings.iter().any(|warning| warning.contains(text)))
        .into();
    assert_eq!(
        (warned, report.warnings.len()),
        (vec![true, true, false], 4),
        "{:?}",
        report.warnings
    );
    for (mask, told) in [
        ("{func: \"keep(4)\", rank: 1}", "keep(N, left)"),
        ("{func: \"bucket(5)\", rank: 1}", "does not apply to `note`"),
        ("{func: \"constant(5)\", rank: 1}", "is no value of the type `varchar`"),
        ("{func: \"hmac-sha-265\", rank: 1}", "did you mean `hmac-sha-256`"),
        ("{func: show-last-4, rank: 1, domain: d}", "no hash domain"),
        ("{func: hmac-sha-256, rank: 1, domain: \"\"}", "`domain` is empty"),
    ] {
        let refused = world
            .try_apply(&lake(&format!("{{note: {{m: {mask}}}}}"), &[]), "")
            .await
            .unwrap_err();
        assert!(refused.to_string().contains(told), "{mask}: {refused}");
    }
}
