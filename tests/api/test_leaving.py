"""A client that leaves: does its statement end at the remote source too? Skipped without PostgreSQL."""

import json
import os
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from conftest import key_of

PG = {name: os.environ.get(f"LAKEGATE_TEST_PG_{name}") for name in ("HOST", "PORT", "USER", "PASSWORD", "DATABASE", "CA", "BIN")}
LAKE = """
lake: leaving
connections:
  crm: {{connector: postgres, options: {{host: "{HOST}", port: {PORT}, database: "{DATABASE}", tls: verify-full, ca: "file://ca.pem"}},
        credential: {{user: "env://PG_USER", password: "env://PG_PASSWORD"}}}}
catalogs:
  crm: {{connection: crm, discover: true}}
users:
  ana: {{}}
keys:
  ana: {{user: ana, secret: "env://ANA"}}
grants:
  - {{to: "user:ana", privileges: [describe, select], resource: "catalog:crm"}}
"""
SLOW = """
DROP SCHEMA IF EXISTS leaving CASCADE;
CREATE SCHEMA leaving;
CREATE VIEW leaving.slow AS SELECT g AS id FROM generate_series(1, 2) g WHERE pg_sleep(300) IS NOT NULL;
"""
ACTIVE = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%\"slow\"%' AND pid <> pg_backend_pid()"

pytestmark = pytest.mark.skipif(PG["HOST"] is None, reason="LAKEGATE_TEST_PG_HOST is not set: no PostgreSQL")


def psql(sql: str) -> str:
    environment = {"PATH": os.environ["PATH"], "PGHOST": PG["HOST"], "PGPORT": PG["PORT"], "PGUSER": PG["USER"],
                   "PGPASSWORD": PG["PASSWORD"], "PGDATABASE": PG["DATABASE"]}
    command = [str(Path(PG["BIN"]) / "psql"), "-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-c", sql]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()


def wait_until(active: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while psql(ACTIVE) != active:
        assert time.monotonic() < deadline, psql("SELECT state, query FROM pg_stat_activity")
        time.sleep(0.05)


@pytest.fixture(scope="module")
def server(serve, tmp_path_factory):
    psql(SLOW)
    folder = tmp_path_factory.mktemp("lake")
    (folder / "lake.yaml").write_text(LAKE.format(**PG))
    (folder / "ca.pem").write_bytes(Path(PG["CA"]).read_bytes())
    return serve([folder], ANA=key_of("ana"), PG_USER=PG["USER"], PG_PASSWORD=PG["PASSWORD"])


def test_the_remote_statement_ends_with_its_client(server):
    address = urlsplit(server.url)
    body = json.dumps({"sql": "SELECT id FROM crm.leaving.slow"})
    head = (f"POST /v1/sql HTTP/1.1\r\nHost: lakegate\r\nAuthorization: Bearer {key_of('ana')}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n")
    with socket.create_connection((address.hostname, address.port)) as client:
        client.sendall((head + body).encode())
        wait_until("1", 30)
    wait_until("0", 5)
    queries = server.request("GET", "/v1/queries", key_of("ana")).json()["items"]
    deadline = time.monotonic() + 5
    while (query := server.request("GET", f"/v1/queries/{queries[0]['id']}", key_of("ana")).json())["state"] == "RUNNING":
        assert time.monotonic() < deadline, query
        time.sleep(0.05)
    assert (query["state"], query["error"]["code"]) == ("CANCELLED", "USER_CANCELED"), query
