"""Do real sources give their rows through the gateway: an object store and PostgreSQL, alone and joined? Skipped without them."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from conftest import key_of

S3 = {name: os.environ.get(f"LAKEGATE_TEST_S3_{name}") for name in ("ENDPOINT", "ACCESS_KEY", "SECRET_KEY", "BUCKET", "REGION")}
PG = {name: os.environ.get(f"LAKEGATE_TEST_PG_{name}") for name in ("HOST", "PORT", "USER", "PASSWORD", "DATABASE", "CA", "BIN")}
with_s3 = pytest.mark.skipif(S3["ENDPOINT"] is None, reason="LAKEGATE_TEST_S3_ENDPOINT is not set: no object store")
with_postgres = pytest.mark.skipif(PG["HOST"] is None, reason="LAKEGATE_TEST_PG_HOST is not set: no PostgreSQL")

PEOPLE = """
users:
  ana: {}
  eve: {}
  dan: {}
  fay: {}
  pia: {attributes: {names: [Ann, CANARY]}}
keys:
  fay: {user: fay, secret: "env://FAY"}
  ana: {user: ana, secret: "env://ANA"}
  eve: {user: eve, secret: "env://EVE"}
  pia: {user: pia, secret: "env://PIA"}
"""
STORE = """
connections:
  store: {{connector: files, options: {{root: "s3://{BUCKET}/api-tests/", endpoint: "{ENDPOINT}", region: {REGION}, path_style: true}},
          credential: {{access_key_id: "env://S3_KEY", secret_access_key: "env://S3_SECRET"}}}}
  wrong: {{connector: files, options: {{root: "s3://{BUCKET}/api-tests/", endpoint: "{ENDPOINT}", region: {REGION}, path_style: true}},
          credential: {{access_key_id: "env://S3_KEY", secret_access_key: "env://ANA"}}}}
catalogs:
  lake: {{connection: store, default: true}}
  shut: {{connection: wrong}}
databases:
  lake.t: {{location: "t/"}}
  shut.t: {{location: "t/"}}
tables:
  lake.t.orders:
    format: parquet
    location: "orders/"
    columns: [{{name: id, type: bigint}}, {{name: customer, type: bigint}}, {{name: region, type: varchar}}]
    partitioned_by: [{{name: year, type: int}}]
    partitions: hive
    filters: {{de: {{where: "region = 'DE'"}}}}
  shut.t.orders: {{format: parquet, location: "orders/", columns: [{{name: id, type: bigint}}]}}
grants:
  - {{to: "user:ana", privileges: [describe, select, read-stats], resource: "catalog:lake"}}
  - {{to: "user:ana", privileges: [describe, select], resource: "catalog:shut"}}
  - {{to: "user:eve", privileges: [select-filtered], resource: "filter:lake.t.orders/de"}}
"""
CRM = """
connections:
  crm: {{connector: postgres, options: {{host: "{HOST}", port: {PORT}, database: "{DATABASE}", tls: verify-full, ca: "file://ca.pem"}},
        credential: {{user: "env://PG_USER", password: "env://PG_PASSWORD"}}}}
  closed: {{connector: postgres, options: {{host: "{HOST}", port: {PORT}, database: "{DATABASE}", tls: verify-full, ca: "file://ca.pem"}},
           credential: {{user: "env://PG_USER", password: "env://ANA"}}}}
  here: {{connector: files, options: {{root: "./here"}}}}
catalogs:
  crm: {{connection: crm, discover: true}}
  closed: {{connection: closed, discover: true}}
  own: {{connection: here}}
databases:
  own.v: {{location: "v/"}}
views:
  own.v.seen: {{sql: "SELECT id, ssn FROM crm.api_tests.customers"}}
  own.v.lent: {{sql: "SELECT id, name FROM crm.api_tests.customers WHERE id < 3", security: {{definer: "user:ana"}}}}
tables:
  crm.api_tests.customers:
    filters:
      small: {{where: "id < 3", except: [ssn]}}
      mapped: {{where: "name IN (SELECT customer FROM crm.api_tests.stewards WHERE steward = principal.name)", publisher: "user:dan",
                columns: [id]}}
      named: {{cedar: 'when {{ resource.s.hasTag("name") && principal.hasTag("names") && principal.getTag("names").contains(resource.s.getTag("name")) }}
                       unless {{ resource.d.hasTag("score") && resource.d.getTag("score").lessThan(decimal("0.0")) }}'}}
    masks:
      ssn: {{last4: {{func: show-last-4, rank: 10}}}}
      name: {{keyed: {{func: hmac-sha-256, rank: 10, domain: names}}}}
      score: {{bucket: {{func: bucket(1), rank: 10}}}}
  crm.api_tests.stewards: {{}}
grants:
  - {{to: "user:dan", privileges: [select], resource: "table:crm.api_tests.stewards"}}
  - {{to: "user:fay", privileges: [select-filtered], resource: "filter:crm.api_tests.customers/mapped"}}
  - {{to: "user:fay", privileges: [select-masked], resource: "mask:crm.api_tests.customers.name/keyed"}}
  - {{to: "user:fay", privileges: [select-masked], resource: "mask:crm.api_tests.customers.score/bucket"}}
  - {{to: "user:ana", privileges: [describe, select, read-stats], resource: "catalog:crm"}}
  - {{to: "user:ana", privileges: [describe, select], resource: "catalog:closed"}}
  - {{to: "user:ana", privileges: [select], resource: "table:crm.api_tests.customers", with_grant_option: true}}
  - {{to: "user:eve", privileges: [select], resource: "database:own.v"}}
  - {{to: "user:eve", privileges: [select-filtered], resource: "filter:crm.api_tests.customers/small"}}
  - {{to: "user:pia", privileges: [select-filtered], resource: "filter:crm.api_tests.customers/named"}}
  - {{to: "user:eve", privileges: [select-masked], resource: "mask:crm.api_tests.customers.ssn/last4"}}
"""
CUSTOMERS = """
DROP SCHEMA IF EXISTS api_tests CASCADE;
CREATE SCHEMA api_tests;
CREATE TABLE api_tests.customers (id bigint PRIMARY KEY, name text, ssn text, since date, score numeric(12,2));
INSERT INTO api_tests.customers VALUES (1, 'Ann', '111-22-3333', '2020-02-29', 1.50), (2, 'Bob', NULL, NULL, NULL),
  (3, 'CANARY', 'CANARY-SSN', '9999-12-31', -0.01);
CREATE TABLE api_tests.stewards (steward text, customer text);
INSERT INTO api_tests.stewards VALUES ('fay', 'Ann'), ('fay', NULL), ('gil', 'CANARY');
"""


def upload() -> None:
    import boto3
    import pyarrow as pa
    import pyarrow.parquet as pq
    client = boto3.client("s3", endpoint_url=S3["ENDPOINT"], aws_access_key_id=S3["ACCESS_KEY"],
                          aws_secret_access_key=S3["SECRET_KEY"], region_name=S3["REGION"])
    for year, ids in [(2020, [1, 2]), (2021, [3, 4])]:
        sink = pa.BufferOutputStream()
        pq.write_table(pa.table({"id": pa.array(ids, pa.int64()), "customer": pa.array([number % 3 + 1 for number in ids], pa.int64()),
                                 "region": ["DE" if number % 2 else "US" for number in ids]}), sink)
        client.put_object(Bucket=S3["BUCKET"], Key=f"api-tests/t/orders/year={year}/a.parquet", Body=sink.getvalue().to_pybytes())


def psql(sql: str) -> None:
    environment = {"PATH": os.environ["PATH"], "PGHOST": PG["HOST"], "PGPORT": PG["PORT"], "PGUSER": PG["USER"],
                   "PGPASSWORD": PG["PASSWORD"], "PGDATABASE": PG["DATABASE"]}
    subprocess.run([str(Path(PG["BIN"]) / "psql"), "-q", "-v", "ON_ERROR_STOP=1", "-c", sql], env=environment, check=True)


@pytest.fixture(scope="module")
def server(serve, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lake")
    (folder / "people.yaml").write_text("lake: sources\n" + PEOPLE)
    secrets = {"ANA": key_of("ana"), "EVE": key_of("eve"), "FAY": key_of("fay"), "PIA": key_of("pia")}
    if S3["ENDPOINT"]:
        upload()
        (folder / "store.yaml").write_text(STORE.format(**S3))
        secrets |= {"S3_KEY": S3["ACCESS_KEY"], "S3_SECRET": S3["SECRET_KEY"]}
    if PG["HOST"]:
        psql(CUSTOMERS)
        (folder / "ca.pem").write_bytes(Path(PG["CA"]).read_bytes())
        (folder / "crm.yaml").write_text(CRM.format(**PG))
        secrets |= {"PG_USER": PG["USER"], "PG_PASSWORD": PG["PASSWORD"]}
    return serve([folder], **secrets)


@with_postgres
def test_views_over_postgres(server):
    assert server.sql("eve", "SELECT id, ssn FROM own.v.seen ORDER BY id").rows == [["1", "nnn-nn-3333"], ["2", None]]
    lent = server.sql("eve", "SELECT id, name FROM own.v.lent WHERE 1 / (id - 3) < 1 ORDER BY id")
    assert lent.rows == [["1", "Ann"], ["2", "Bob"]]
    assert server.sql("eve", "SELECT count(*) FROM own.v.lent WHERE name = 'CANARY' OR CAST(name || '1' AS varchar) = 'x'").rows == [["0"]]
    plan = server.sql("eve", "EXPLAIN SELECT id FROM own.v.lent").rows
    assert "customers" not in str(plan) and "relation=own.v.lent" in str(plan)


@with_s3
def test_an_object_store(server):
    answer = server.sql("ana", "SELECT id, region, year FROM lake.t.orders ORDER BY id")
    assert [row[0] for row in answer.rows] == ["1", "2", "3", "4"]
    assert answer.rows[0][1:] == ["DE", 2020]
    assert server.usage("ana", answer)["fetched_bytes"] > 0
    assert server.sql("eve", "SELECT id FROM lake.t.orders WHERE year = 2021").rows == [["3"]]


@with_s3
def test_a_wrong_credential_of_an_object_store(server):
    answer = server.sql("ana", "SELECT id FROM shut.t.orders")
    assert (answer.status, answer.code) == (502, "SOURCE_ACCESS_DENIED")
    assert S3["SECRET_KEY"] not in json.dumps(answer.body) and S3["BUCKET"] not in json.dumps(answer.body)


@with_postgres
def test_postgresql(server):
    answer = server.sql("ana", "SELECT id, name, since, score FROM crm.api_tests.customers ORDER BY id")
    assert answer.rows == [["1", "Ann", "2020-02-29", "1.50"], ["2", "Bob", None, None], ["3", "CANARY", "9999-12-31", "-0.01"]]
    assert server.usage("ana", answer)["connector_bytes"] > 0
    answer = server.sql("eve", "SELECT id, name, ssn FROM crm.api_tests.customers ORDER BY id")
    assert answer.rows == [["1", "Ann", "nnn-nn-3333"], ["2", "Bob", None]]
    assert server.sql("eve", "SELECT count(*) FROM crm.api_tests.customers WHERE ssn LIKE '111%'").rows == [["0"]]


@with_postgres
def test_masks_and_mappings_of_postgresql(server):
    sql = "SELECT id, name, score FROM crm.api_tests.customers"
    [[number, name, score]] = server.sql("fay", sql).rows
    assert (number, score, len(name)) == ("1", "1.00", 64)
    hidden = server.sql("fay", "SELECT * FROM crm.api_tests.stewards")
    assert (hidden.status, hidden.code) == (404, "TABLE_NOT_FOUND")
    psql("INSERT INTO api_tests.stewards VALUES ('fay', 'CANARY')")
    assert sorted(row[::2] for row in server.sql("fay", sql).rows) == [["1", "1.00"], ["3", "-1.00"]]
    psql("DELETE FROM api_tests.stewards WHERE steward = 'fay'")
    assert server.sql("fay", sql).rows == []
def test_a_filter_in_cedar_over_postgresql(server):
    """`CANARY` is one of pia's names, but its score is below zero; Bob's is NULL, and not his name hers."""
    assert server.sql("pia", "SELECT id, name FROM crm.api_tests.customers").rows == [["1", "Ann"]]
    assert server.sql("pia", "SELECT count(*) FROM crm.api_tests.customers WHERE score < 0").rows == [["0"]]


@with_postgres
def test_a_wrong_credential_of_postgresql(server):
    answer = server.sql("ana", "SELECT * FROM closed.api_tests.customers")
    assert (answer.status, answer.code) == (502, "SOURCE_ACCESS_DENIED")
    assert PG["USER"] not in json.dumps(answer.body)


@with_s3
@with_postgres
def test_both_joined(server):
    sql = "SELECT o.id, c.name FROM lake.t.orders o JOIN crm.api_tests.customers c ON c.id = o.customer ORDER BY o.id"
    assert server.sql("ana", sql).rows == [["1", "Bob"], ["2", "CANARY"], ["3", "Ann"], ["4", "Bob"]]
    assert server.sql("eve", sql).rows == [["1", "Bob"], ["3", "Ann"]]


@with_s3
@with_postgres
def test_text_of_both_is_joined_as_it_is(server):
    """Neither side's key is converted, so that a condition on one is asked of the other, too."""
    sql = "SELECT o.id FROM lake.t.orders o JOIN crm.api_tests.customers c ON c.name = o.region WHERE o.region = 'DE'"
    plan = str(server.sql("ana", "EXPLAIN " + sql).rows)
    assert "CAST" not in plan
    seen = [line for line in plan.split("GovernedScanExec")[1:] if "relation=crm.api_tests.customers" in line]
    assert seen and all("filters=[name = " in line for line in seen), plan
