"""Does every metric move when what it measures happens? Each is read before and after, over the management port."""

import os
import re
import sqlite3
import subprocess
import threading
import time
import uuid
from collections.abc import Callable

import pytest
import requests

from conftest import BINARY, key_of
from process import Process, free_port
from test_sources import psql, with_postgres

LAKE = """
lake: metrics
users:
  ana: {}
  eve: {}
  mal: {clearance: 2}
keys:
  ana: {user: ana, secret: "env://ANA"}
  eve: {user: eve, secret: "env://EVE"}
  mal: {user: mal, secret: "env://MAL"}
connections:
  store: {connector: files, options: {root: "data/"}}
  crm: {connector: sqlite, options: {path: "crm.sqlite"}}
  gone: {connector: postgres, options: {host: "127.0.0.1", port: 1, database: x, tls: disable}, credential: {user: "env://ANA", password: "env://ANA"}}
catalogs:
  lake: {connection: store, default: true}
  crm: {connection: crm, discover: true}
  gone: {connection: gone, discover: true}
databases:
  lake.t: {location: "t/"}
tables:
  lake.t.x: {format: parquet, location: "x/", columns: [{name: id, type: bigint}]}
workgroups:
  tight: {concurrency: 1, queue: 0}
grants:
  - {to: "user:ana", privileges: [describe, select], resource: "catalog:lake"}
  - {to: "user:ana", privileges: [describe, select], resource: "catalog:crm"}
  - {to: "user:ana", privileges: [describe, select], resource: "catalog:gone"}
  - {to: "user:ana", privileges: [submit-query], resource: "workgroup:tight"}
  - {to: "user:eve", privileges: [describe, select], resource: "table:lake.t.x"}
  - {to: "user:mal", privileges: [describe, select], resource: "table:lake.t.x"}
"""
OVERFLOWS = """
@id("overflows")
forbid(principal == Lakegate::User::"mal", action == Lakegate::Action::"Select", resource)
when { principal.clearance + 9223372036854775807 > 0 };
"""
ENDLESS = "SELECT count(*) FROM lake.t.x JOIN generate_series(1, 1000000000000) g ON g.value % 7 <> x.id + 100"
SORTED = "SELECT g.value FROM generate_series(1, 6000000) g ORDER BY g.value % 1000003"
NAME = "lakegate_"


def scrape(management: str) -> dict[tuple, float]:
    """Values by name and labels."""
    text = requests.get(management + "/metrics", timeout=10).text
    values = {}
    for name, labels, value in re.findall(r"^(\w+)(?:\{(.*)\})? (\S+)$", text, re.M):
        values[(name, *re.findall(r'="([^"]*)"', labels))] = float(value)
    return values


class Watch:
    """What has changed since it was made."""

    def __init__(self, server):
        self.server = server
        self.before = scrape(server.management)

    def now(self, *series: str) -> float:
        return scrape(self.server.management).get(series, 0)

    def rise(self, *series: str) -> float:
        return self.now(*series) - self.before.get(series, 0)

    def until(self, holds: Callable[[], bool], seconds: float = 30) -> None:
        """Gauges are set every two seconds, and queries are counted after their answer."""
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, scrape(self.server.management)
            time.sleep(0.05)

    def until_rise(self, *series: str, by: float = 1) -> None:
        self.until(lambda: self.rise(*series) >= by)


@pytest.fixture(scope="module")
def server(serve, tmp_path_factory):
    import pyarrow as pa
    import pyarrow.parquet as pq
    folder = tmp_path_factory.mktemp("lake")
    (folder / "data/t/x").mkdir(parents=True)
    pq.write_table(pa.table({"id": pa.array([1, 2, 3], pa.int64())}), folder / "data/t/x/a.parquet")
    with sqlite3.connect(folder / "crm.sqlite") as database:
        database.execute("CREATE TABLE people (id INTEGER, name TEXT)")
        database.execute("INSERT INTO people VALUES (1, 'Ann')")
    (folder / "lake.yaml").write_text(LAKE)
    (folder / "lake.cedar").write_text(OVERFLOWS)
    return serve([folder], ANA=key_of("ana"), EVE=key_of("eve"), MAL=key_of("mal"),
                 LAKEGATE__QUERY__QUERY_MEMORY_BYTES=str(64 << 20))


@pytest.fixture
def watch(server):
    return Watch(server)


class Running:
    """A statement that runs beside the test, until it ends or is left."""

    def __init__(self, server, person: str, sql: str, **more):
        self.answers = []
        self.thread = threading.Thread(target=lambda: self.answers.append(server.sql(person, sql, **more)))
        self.thread.start()

    def code(self) -> str:
        self.thread.join(60)
        return self.answers[0].code


def test_queries_and_bytes(server, watch):
    assert len(server.sql("ana", "SELECT id FROM lake.t.x").rows) == 3
    watch.until_rise(NAME + "queries_total", "", "SUCCEEDED", "SELECT", "primary")
    for name in ["scanned_bytes_total", "fetched_bytes_total", "fetch_requests_total", "billed_bytes_total"]:
        assert watch.rise(NAME + name, "primary") > 0, name
    assert watch.rise(NAME + "rows_returned_total", "primary") == 3
    assert watch.rise(NAME + "query_duration_seconds_count", "SUCCEEDED", "primary") == 1
    assert watch.rise(NAME + "query_queue_seconds_count", "primary") == 1
    assert watch.rise("http_server_request_duration_seconds_count", "POST", "200", "/v1/sql") == 1
    server.sql("ana", "SELECT name FROM crm.main.people")
    watch.until_rise(NAME + "connector_bytes_total", "primary")


def test_policies(server, watch):
    server.sql("ana", "SELECT id FROM lake.t.x")
    assert watch.rise(NAME + "policy_decisions_total", "allow") > 0
    assert watch.rise(NAME + "policy_decision_seconds_count") > 0
    assert server.sql("eve", "SELECT name FROM crm.main.people").code == "TABLE_NOT_FOUND"
    assert watch.rise(NAME + "policy_decisions_total", "deny") > 0
    assert watch.rise(NAME + "policy_errors_total") == 0
    assert server.sql("mal", "SELECT id FROM lake.t.x").status != 200
    assert watch.rise(NAME + "policy_errors_total") > 0
    watch.until(lambda: watch.now(NAME + "policy_version") > 0)
    assert watch.now(NAME + "policy_staleness_seconds") < 10


def test_a_revoked_grant(server, watch):
    admin = (server.folder / "data/admin.key").read_text().strip()
    running = Running(server, "eve", ENDLESS)
    watch.until(lambda: watch.now(NAME + "queries", "RUNNING", "primary") == 1)
    version = watch.now(NAME + "policy_version")
    grants = server.request("GET", "/v1/grants?to=user:eve", admin).json()["items"]
    for grant in grants:
        found = server.request("GET", f"/v1/grants/{grant['id']}", admin)
        server.request("DELETE", f"/v1/grants/{grant['id']}", admin, headers={"If-Match": found.headers["ETag"]}).raise_for_status()
    assert running.code() == "POLICY_CHANGED"
    assert watch.rise(NAME + "revocation_lag_seconds_count") == 1
    assert 0 < watch.rise(NAME + "revocation_lag_seconds_sum") < 20
    watch.until_rise(NAME + "queries_killed_total", "policy")
    watch.until(lambda: watch.now(NAME + "policy_version") > version)
    watch.until(lambda: watch.now(NAME + "queries", "RUNNING", "primary") == 0)


def test_admission_and_deadline(server, watch):
    running = Running(server, "ana", ENDLESS, workgroup="tight", limits={"timeout_ms": 8000})
    watch.until(lambda: watch.now(NAME + "queries", "RUNNING", "tight") == 1)
    assert server.sql("ana", "SELECT id FROM lake.t.x", workgroup="tight").code == "QUERY_QUEUE_FULL"
    watch.until_rise(NAME + "admission_rejected_total", "queue_full", "tight")
    assert running.code() == "EXCEEDED_TIME_LIMIT"
    watch.until_rise(NAME + "queries_killed_total", "deadline")


def test_memory_and_spill(server, watch):
    running = Running(server, "ana", SORTED, limits={"rows": 1, "memory_bytes": 32 << 20})
    watch.until(lambda: watch.now(NAME + "memory_pool_bytes", "reserved") > 1 << 20)
    assert watch.now(NAME + "memory_pool_bytes", "limit") > 64 << 20
    watch.until(lambda: watch.now(NAME + "spill_bytes") > 0, 60)
    running.thread.join(120)
    watch.until(lambda: watch.now(NAME + "memory_pool_bytes", "reserved") == 0)
    watch.until(lambda: watch.now(NAME + "spill_bytes") == 0)


def test_sources(server, watch):
    assert server.sql("ana", "SELECT name FROM crm.main.people").rows == [["Ann"]]
    assert watch.rise(NAME + "connector_requests_total", "crm", "ok") >= 1
    assert watch.rise(NAME + "connector_seconds_count", "crm") >= 1
    assert watch.rise("db_client_operation_duration_seconds_count", "SELECT", "sqlite", "") == 1
    assert watch.now(NAME + "connector_up", "crm") == 1
    server.sql("ana", "SELECT id FROM lake.t.x")
    assert watch.rise("db_client_operation_duration_seconds_count", "READ", "files", "") >= 1
    assert server.sql("ana", "SELECT 1 FROM gone.public.x").code == "SOURCE_UNAVAILABLE"
    assert watch.rise(NAME + "connector_requests_total", "gone", "SOURCE_UNAVAILABLE") == 1
    assert watch.now(NAME + "connector_up", "gone") == 0
    assert watch.rise("db_client_operation_duration_seconds_count", "DESCRIBE", "postgresql", "SOURCE_UNAVAILABLE") == 1


def test_caches(server, watch):
    for _ in range(2):
        server.sql("ana", "SELECT id FROM lake.t.x")
        server.sql("ana", "SELECT name FROM crm.main.people")
    for cache in ["connection", "description", "footer", "snapshot"]:
        watch.until_rise(NAME + "cache_requests_total", cache, "hit")
        assert watch.now(NAME + "cache_requests_total", cache, "miss") > 0


def test_identity_and_audit(server, watch):
    assert server.request("GET", "/v1/whoami", "nobody's key").status_code == 401
    assert sum(value for series, value in scrape(server.management).items() if series[0] == NAME + "auth_failures_total") >= 1
    watch.until_rise(NAME + "audit_events_total", "authentication")
    server.sql("ana", "SELECT id FROM lake.t.x")
    watch.until_rise(NAME + "audit_events_total", "query.attempt")
    watch.until_rise(NAME + "audit_events_total", "query.outcome")
    assert watch.rise(NAME + "audit_sequence") >= 3


def test_the_process(server, watch):
    watch.until(lambda: watch.now(NAME + "db_pool_connections", "idle") + watch.now(NAME + "db_pool_connections", "used") > 0)
    assert watch.now("process_resident_memory_bytes") > 1 << 20
    assert ("tokio_global_queue_depth", "engine") in scrape(server.management)
    before = watch.now("tokio_alive_tasks", "engine")
    running = Running(server, "ana", ENDLESS, limits={"timeout_ms": 6000})
    watch.until(lambda: watch.now("tokio_alive_tasks", "engine") > before)
    running.thread.join(60)
    watch.until_rise("process_cpu_seconds_total", by=0.01)


def test_labels_name_nobody(server):
    text = requests.get(server.management + "/metrics", timeout=10).text
    assert not re.search(r'"(ana|eve|mal|people|lake\.t\.x|[0-9a-f]{8}-[0-9a-f]{4}-.*)"', text)


# The last one of this server: it breaks the store.
def test_an_audit_trail_that_cannot_be_written(server, watch):
    [store] = [path for path in (server.folder / "data").glob("*.db")]
    with sqlite3.connect(store, timeout=30) as database:
        database.execute("ALTER TABLE audit_events RENAME TO audit_events_away")
    assert server.sql("ana", "SELECT id FROM lake.t.x").code == "AUDIT_UNAVAILABLE"
    assert watch.rise(NAME + "audit_write_failures_total") >= 1
    with sqlite3.connect(store, timeout=30) as database:
        database.execute("ALTER TABLE audit_events_away RENAME TO audit_events")
    watch.until(lambda: server.sql("ana", "SELECT id FROM lake.t.x").status == 200)


@with_postgres
def test_migrations_that_wait(tmp_path):
    """On a store that is shared, the server waits for `lakegate migrate up`."""
    base, _, _ = os.environ["LAKEGATE_TEST_POSTGRES_URL"].rpartition("/")
    database = f"pending_{uuid.uuid4().hex}"
    psql(f"CREATE DATABASE {database}")
    management = f"127.0.0.1:{free_port()}"
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LAKEGATE__DATABASE__URL": f"{base}/{database}",
                   "LAKEGATE__DRAIN__DELAY_SECONDS": "0"}
    ready = tmp_path / "ready.json"
    process = Process("lakegate", [str(BINARY), "serve", "--http", "127.0.0.1:0", "--management", management, "--data",
                                   str(tmp_path / "data"), "--ready-file", str(ready)], tmp_path / "log", env=environment)

    def pending() -> float | None:
        try:
            return scrape(f"http://{management}").get((NAME + "pending_migrations",))
        except requests.ConnectionError:
            return None

    try:
        process.wait_ready(lambda: (pending() or 0) > 0, 30)
        subprocess.run([str(BINARY), "migrate", "up"], env=environment, cwd=tmp_path, check=True, capture_output=True)
        process.wait_ready(ready.exists, 30)
        assert pending() == 0
    finally:
        process.stop()
        psql(f"DROP DATABASE {database} WITH (FORCE)")
