"""Do operators see what a query did, and nothing that it was about? Spans at an OTLP receiver, comments at PostgreSQL, the log."""

import json
import secrets
from pathlib import Path

import pytest

from conftest import key_of
from otlp import Receiver
from test_sources import PG, psql, with_postgres

LAKE = """
lake: telemetry
users:
  ana: {{}}
  eve: {{}}
keys:
  ana: {{user: ana, secret: "env://ANA"}}
  eve: {{user: eve, secret: "env://EVE"}}
connections:
  store: {{connector: files, options: {{root: "data/"}}}}
  crm: {{connector: postgres, options: {{host: "{HOST}", port: {PORT}, database: "{DATABASE}", tls: verify-full, ca: "file://ca.pem"}},
        credential: {{user: "env://PG_USER", password: "env://PG_PASSWORD"}}}}
catalogs:
  lake: {{connection: store, default: true}}
  crm: {{connection: crm, discover: true}}
databases:
  lake.t: {{location: "t/"}}
tables:
  lake.t.orders:
    format: parquet
    location: "orders/"
    columns: [{{name: id, type: bigint}}, {{name: customer, type: bigint}}]
    partitioned_by: [{{name: region, type: varchar}}]
    partitions: hive
    filters: {{visible: {{where: "region <> 'canary-region'"}}}}
  crm.telemetry.customers:
    filters: {{visible: {{where: "name <> 'canary-name'"}}}}
grants:
  - {{to: "user:ana", privileges: [describe, select], resource: "catalog:crm"}}
  - {{to: "user:eve", privileges: [select-filtered], resource: "filter:lake.t.orders/visible"}}
  - {{to: "user:eve", privileges: [select-filtered], resource: "filter:crm.telemetry.customers/visible"}}
"""
CUSTOMERS = """
DROP SCHEMA IF EXISTS telemetry CASCADE;
CREATE SCHEMA telemetry;
CREATE TABLE telemetry.customers (id bigint PRIMARY KEY, name text, card text);
INSERT INTO telemetry.customers VALUES (1, 'Ann', '1111'), (2, 'Bob', '2222'), (3, 'canary-name', 'canary-card');
CREATE VIEW telemetry.broken AS SELECT id, name::int AS number FROM telemetry.customers WHERE id = 3;
"""
QUERY = """SELECT o.id, c.name FROM lake.t.orders o JOIN crm.telemetry.customers c ON c.id = o.customer
           WHERE c.name <> 'canary-literal' AND o.id < 90210 ORDER BY o.id"""
STAGES = ["query.parse", "query.resolve", "query.authorize", "query.plan", "query.admit", "query.execute", "query.results"]

pytestmark = with_postgres


@pytest.fixture(scope="module")
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.stop()


@pytest.fixture(scope="module")
def server(serve, receiver, tmp_path_factory):
    import pyarrow as pa
    import pyarrow.parquet as pq
    folder = tmp_path_factory.mktemp("lake")
    for region, ids in [("de", [1, 2]), ("us", [3]), ("canary-region", [4])]:
        part = folder / f"data/t/orders/region={region}"
        part.mkdir(parents=True)
        pq.write_table(pa.table({"id": pa.array(ids, pa.int64()), "customer": pa.array(ids, pa.int64())}), part / "a.parquet")
    psql(CUSTOMERS)
    (folder / "ca.pem").write_bytes(Path(PG["CA"]).read_bytes())
    (folder / "lake.yaml").write_text(LAKE.format(**PG))
    return serve([folder], LAKEGATE__TELEMETRY__OTLP_ENDPOINT=receiver.endpoint, OTEL_BSP_SCHEDULE_DELAY="100",
                 ANA=key_of("ana"), EVE=key_of("eve"), PG_USER=PG["USER"], PG_PASSWORD=PG["PASSWORD"])


def ask(server, person: str, sql: str, **more):
    """The answer, and the trace that it was asked in."""
    trace = secrets.token_hex(16)
    headers = {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    answer = server.request("POST", "/v1/sql", key_of(person), headers=headers, json={"sql": sql, **more})
    assert answer.headers["traceparent"].startswith(f"00-{trace}-")
    return answer, trace


def log(server) -> list[dict]:
    return [json.loads(line) for line in server.log.read_text().splitlines()]


def test_the_spans_of_a_federated_query(server, receiver):
    answer, trace = ask(server, "eve", QUERY, workgroup="primary")
    assert answer.json()["rows"] == [["1", "Ann"], ["2", "Bob"]]
    query = answer.headers["Lakegate-Query-Id"]
    spans = receiver.trace(trace, "POST /v1/sql")
    assert all(span.events == 0 and not span.failed for span in spans)

    [root] = [span for span in spans if span.kind == "SERVER"]
    assert (root.name, root.parent) == ("POST /v1/sql", "b7ad6b7169203331")
    whoami = server.request("GET", "/v1/whoami", key_of("eve")).json()
    expected = {"http.request.method": "POST", "http.route": "/v1/sql", "http.response.status_code": 200, "url.scheme": "http",
                "lakegate.query.id": query, "lakegate.principal.id": whoami["id"]}
    assert expected.items() <= root.attributes.items()

    stages = {span.name: span for span in spans if span.name.startswith("query.")}
    assert sorted(stages) == sorted(STAGES)
    assert {span.parent for span in stages.values()} == {root.id}
    for name, span in stages.items():
        if name != "query.parse":
            assert (span.attributes["lakegate.query.id"], span.attributes["lakegate.workgroup"]) == (query, "primary")
    assert stages["query.parse"].attributes["lakegate.statement.type"] == "SELECT"
    assert stages["query.authorize"].attributes["lakegate.decision"] == "allow"
    versions = {stages["query.authorize"].attributes["lakegate.policy.version"],
                stages["query.resolve"].attributes["lakegate.snapshot.version"]}
    assert len(versions) == 1 and versions.pop() > 0
    results = stages["query.results"].attributes
    assert (results["lakegate.query.state"], results["lakegate.statement.type"], results["lakegate.returned_rows"]) == (
        "SUCCEEDED", "SELECT", 2)
    assert stages["query.execute"].attributes["lakegate.scanned_bytes"] == (
        results["lakegate.scanned_bytes"] + results["lakegate.connector_bytes"]) > 0


def test_the_client_spans_of_sources(server, receiver):
    answer, trace = ask(server, "eve", QUERY)
    query = answer.headers["Lakegate-Query-Id"]
    spans = receiver.trace(trace, "POST /v1/sql")
    [execute] = [span for span in spans if span.name == "query.execute"]
    clients = [span for span in spans if span.kind == "CLIENT" and span.parent == execute.id]
    assert {span.name for span in clients} == {"SELECT customers", "READ orders"}

    [remote] = [span for span in clients if span.name == "SELECT customers"]
    text = remote.attributes.pop("db.query.text")
    assert remote.attributes.pop("lakegate.scanned_bytes") > 0
    assert remote.attributes == {
        "db.system.name": "postgresql", "db.namespace": f"{PG['DATABASE']}|telemetry", "db.collection.name": "customers",
        "db.operation.name": "SELECT", "db.query.summary": "SELECT customers", "db.response.returned_rows": 2,
        "server.address": PG["HOST"], "server.port": int(PG["PORT"]), "lakegate.query.id": query, "lakegate.connection": "crm",
        "lakegate.pushdown": "guard=exact filter=2/2 limit=none"}
    # The second condition: the keys of the orders.
    assert '"telemetry"."customers"' in text and "$1" in text and "= ANY ($" in text

    files = [span.attributes for span in clients if span.name == "READ orders"]
    assert all(one["db.system.name"] == "files" and one["db.namespace"] == "lake|t" for one in files)
    assert sum(one["lakegate.scanned_bytes"] for one in files) > 0


def test_postgresql_is_told_the_query_and_the_span(server, receiver):
    sql = "SELECT id FROM crm.telemetry.customers WHERE id < 3"
    answer, trace = ask(server, "ana", sql, labels={"team": "*/ DROP TABLE telemetry.customers; /*"})
    assert answer.json()["rows"] == [["1"], ["2"]]
    query = answer.headers["Lakegate-Query-Id"]
    psql(f"""DO $$ BEGIN ASSERT (SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lakegate:{query}'
             AND query LIKE 'SELECT %FROM "telemetry"."customers"%') = 1; END $$""")
    [remote] = [span for span in receiver.trace(trace, "POST /v1/sql") if span.name == "SELECT customers"]
    comment = f"/*query_id=''{query}'',traceparent=''00-{trace}-{remote.id}-01''*/"
    psql(f"""DO $$ BEGIN ASSERT (SELECT query FROM pg_stat_activity WHERE application_name = 'lakegate:{query}')
             LIKE '% {comment}'; END $$""")


def test_a_traceparent_that_is_none(server):
    """It is not believed, and the trace that begins instead is told."""
    hostile = "00-'*/;DROP TABLE telemetry.customers;--'-b7ad6b7169203331-01"
    answer = server.request("POST", "/v1/sql", key_of("ana"), headers={"traceparent": hostile},
                            json={"sql": "SELECT id FROM crm.telemetry.customers WHERE id = 1"})
    assert answer.json()["rows"] == [["1"]]
    query, trace = answer.headers["Lakegate-Query-Id"], answer.headers["traceparent"].split("-")[1]
    psql(f"""DO $$ BEGIN ASSERT (SELECT query FROM pg_stat_activity WHERE application_name = 'lakegate:{query}')
             ~ '/[*]query_id=''{query}'',traceparent=''00-{trace}-[0-9a-f]{{16}}-01''[*]/$'; END $$""")


def test_a_failure_at_a_source(server, receiver):
    answer, trace = ask(server, "ana", "SELECT number FROM crm.telemetry.broken")
    assert answer.json()["code"] == "SOURCE_FAILED"
    query = answer.json()["query_id"]
    spans = receiver.trace(trace, "POST /v1/sql")
    [remote] = [span for span in spans if span.name == "SELECT broken"]
    assert remote.failed and remote.message == "the source failed"
    assert (remote.attributes["error.type"], remote.attributes["db.response.status_code"]) == ("SOURCE_FAILED", "22P02")
    [root] = [span for span in spans if span.kind == "SERVER"]
    assert (root.attributes["lakegate.query.id"], root.attributes["error.type"], root.failed) == (query, "502", True)
    [results] = [span for span in spans if span.name == "query.results"]
    assert results.failed and results.attributes["lakegate.query.state"] == "FAILED"
    assert results.attributes["error.type"] == "SOURCE_FAILED"
    lines = [line for line in log(server) if line.get("query_id") == query and line["message"] == "query failed"]
    assert [(line["trace_id"], line["error.code"]) for line in lines] == [(trace, "SOURCE_FAILED")]
    assert "22P02" in lines[0]["cause"]


def test_a_refused_query(server, receiver):
    answer, trace = ask(server, "eve", "SELECT card FROM crm.telemetry.broken WHERE card = 'canary-literal'")
    assert answer.json()["code"] == "TABLE_NOT_FOUND"
    spans = receiver.trace(trace, "POST /v1/sql")
    [decision] = [span for span in spans if span.name == "query.authorize"]
    assert decision.attributes["lakegate.decision"] == "deny"
    assert not [span for span in spans if span.name in ("query.plan", "query.execute")]
    [line] = [line for line in log(server) if line.get("trace_id") == trace and line["message"] == "query failed"]
    assert line["error.code"] == "TABLE_NOT_FOUND"


def test_nothing_that_queries_were_about_is_told(server, receiver):
    answer, trace = ask(server, "eve", "SELECT 'canary-literal' + 1 FROM lake.t.orders")
    assert answer.status_code == 400
    answer, trace = ask(server, "eve", QUERY)
    receiver.trace(trace, "POST /v1/sql")
    told = receiver.raw + server.log.read_bytes()
    assert b"SELECT customers" in receiver.raw and b"query failed" in server.log.read_bytes()
    for secret in ["canary", "90210", key_of("eve"), key_of("ana"), PG["PASSWORD"], "region=", "a.parquet"]:
        assert secret.encode() not in told, secret


def test_every_line_of_the_log_knows_its_request(server):
    lines = [line for line in log(server) if line["target"] == "lakegate::access"]
    assert lines and all({"trace_id", "request_id", "timestamp", "level"} <= line.keys() for line in lines)
    assert all(line["query_id"] for line in lines if line["route"] == "/v1/sql" and line["status"] == 200)
