//! Is the example of the page accepted but for what this version refuses, and that by name?

use super::fixture::{Fixture, changed};

/// The example of lake-as-code.md §2, with the columns that its filters read.
const PAGE: &str = r#"
lake: acme
connections:
  store:  {connector: files, options: {root: "s3://acme-lake/", endpoint: "http://127.0.0.1:9000", region: us-east-1, path_style: true},
           credential: {access_key_id: "env://STORE_KEY", secret_access_key: "env://STORE_SECRET"}}
  local:  {connector: files, options: {root: "DIRECTORY"}}
  crm:    {connector: postgres, options: {host: 127.0.0.1, port: 5432, database: crm, tls: verify-full, ca: "file://ca.pem"},
           credential: {user: "env://CRM_USER", password: "env://CRM_PASSWORD"}}
  shop:   {connector: mongodb, options: {host: "127.0.0.1"}}
catalogs:
  lake: {connection: store, default: true}
  crm:  {connection: crm, discover: true}
  shop: {connection: shop, discover: true}
databases:
  lake.sales: {location: "sales/", comment: "orders and what belongs to them", tags: {domain: sales}}
tables:
  lake.sales.orders:
    format: parquet
    location: "orders/"
    columns: [{name: id, type: bigint, nullable: false}, {name: region, type: varchar}, {name: ssn, type: varchar, tags: {pii: ssn}},
              {name: legal_hold, type: int}, {name: dept, type: varchar}, {name: addr, type: "struct<street:string,zip:string>"}]
    partitioned_by: [{name: year, type: int}]
    partitions: hive
    options: {}
    filters:
      eu:   {where: "region IN ('DE','FR')", except: [ssn]}
      hold: {where: "legal_hold IS NULL OR legal_hold <= 0", restrictive: true}
      dept: {cedar: 'when { resource.s.hasTag("dept") && principal.hasTag("dept") && principal.getTag("dept").contains(resource.s.getTag("dept")) }'}
    masks:
      ssn: {last4: {func: show-last-4, rank: 10}}
      addr.zip: {hide: {func: replace-with-null, rank: 10}}
  crm.public.customers: {masks: {email: {h: {func: hmac-sha-256, rank: 20}}}}
views:
  lake.sales.eu_orders: {sql: "SELECT * FROM lake.sales.orders WHERE region = 'DE'", security: invoker}
tags:
  pii: {values: [none, email, ssn], ordered: true}
  domain: {values: [sales, hr]}
roles:
  staff: {}
  eu-analyst: {member_of: [staff]}
users:
  ana: {roles: [eu-analyst], kind: human, clearance: 1, attributes: {dept: [t1]}, subjects: ["https://id.example~ana"]}
grants:
  - {to: "role:staff", privileges: [describe], resource: "database:lake.sales"}
  - {to: "role:eu-analyst", privileges: [select-filtered], resource: "filter:lake.sales.orders/eu"}
  - {to: "role:eu-analyst", privileges: [select-masked], resource: "mask:lake.sales.orders.ssn/last4"}
  - {to: "user:ana", privileges: [select], resource: "table:crm.public.customers", with_grant_option: false, expires: "2027-01-01T00:00:00Z"}
workgroups:
  primary: {concurrency: 20, queue: 200, max_scanned_bytes_per_query: 1000000000, price_per_tb: "5.00 USD"}
keys:
  ana-laptop: {user: ana, secret: "env://ANA_KEY"}
  ana-sigv4:  {user: ana, kind: sigv4, access_key_id: AKIAANA, secret: "env://BOB_KEY"}
"#;

const REFUSED: &[&str] = &["  shop:", "  ana-sigv4:"];

fn page(fixture: &Fixture) -> String {
    PAGE.replace("DIRECTORY", &fixture.directory.path().display().to_string())
}

/// Without what this version refuses.
fn supported(fixture: &Fixture) -> String {
    let kept = page(fixture);
    let kept = kept
        .lines()
        .filter(|line| !REFUSED.iter().any(|refused| line.starts_with(refused)));
    kept.map(|line| format!("{line}\n")).collect()
}

#[tokio::test]
async fn what_is_not_there_yet_is_refused_by_name() {
    let fixture = Fixture::new().await;
    let text = page(&fixture);
    let error = fixture.apply(&[("page.yaml", &text)]).await.unwrap_err();
    let found: Vec<String> = error
        .problems
        .iter()
        .map(|problem| format!("{} {}", problem.code.text(), problem.message))
        .collect();
    assert_eq!(
        found,
        [
            "NOT_SUPPORTED connector `mongodb` is not supported in this version",
            "NOT_SUPPORTED `kind` `sigv4` is not supported in this version",
            "NOT_SUPPORTED an access key for SigV4 is not supported in this version",
        ],
        "{error}"
    );
    let line = |needle: &str| text.lines().position(|line| line.contains(needle)).unwrap() + 1;
    let lines: Vec<usize> = error.problems.iter().map(|problem| problem.place.line).collect();
    let sigv4 = line("ana-sigv4");
    assert_eq!(lines, [line("mongodb"), sigv4, sigv4]);
    assert_eq!(
        fixture.snapshot().await.connections.len(),
        0,
        "one bad entry changes nothing"
    );
}

#[tokio::test]
async fn the_rest_works_and_comes_back() {
    let fixture = Fixture::new().await;
    let text = supported(&fixture);
    let report = fixture
        .apply(&[("page.yaml", &text)])
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(report.counts.created > 15, "{:#?}", changed(&report));
    let again = fixture.apply(&[("page.yaml", &text)]).await.unwrap();
    assert!(again.is_unchanged(), "{:#?}", changed(&again));
    assert!(again.counts.unchanged > 15);
    assert_eq!(again.version, report.version);
    let exported = fixture.round_trip("acme").await;
    assert!(exported.contains("addr.zip"), "{exported}");
    assert!(exported.contains("principal.hasTag"), "{exported}");
    assert!(exported.contains("lake.sales.eu_orders:"), "{exported}");
    assert!(exported.contains("row(street varchar, zip varchar)"), "{exported}");
    assert!(
        exported.contains("primary:"),
        "a built-in that was taken over: {exported}"
    );
    assert!(!exported.contains("default."), "built-ins are left out: {exported}");
    let snapshot = fixture.snapshot().await;
    assert_eq!(
        snapshot.find_workgroup("primary").unwrap().body.price_per_tb.as_deref(),
        Some("5.00 USD")
    );
}
