"""Servers on one PostgreSQL store: whose queries end when a server dies, or when the store is away? Skipped without it."""

import os
import subprocess
import time
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from conftest import BINARY, Server, key_of
from proxy import Proxy

STORE = os.environ.get("LAKEGATE_TEST_POSTGRES_URL")
MASKED = """
connections:
  files: {connector: files, options: {root: "./files"}}
catalogs:
  lake: {connection: files, default: true}
databases:
  lake.t: {location: "t/"}
tables:
  lake.t.people:
    format: csv
    location: "people/"
    columns: [{name: id, type: bigint}, {name: email, type: varchar}]
    filters: {all: {where: "TRUE", columns: [id]}}
    masks: {email: {keyed: {func: hmac-sha-256, rank: 10}}}
grants:
  - {to: "user:ana", privileges: [select-filtered], resource: "filter:lake.t.people/all"}
  - {to: "user:ana", privileges: [select-masked], resource: "mask:lake.t.people.email/keyed"}
"""
PEOPLE = "lake: nodes\nusers:\n  ana: {}\nkeys:\n  ana: {user: ana, secret: \"env://ANA\"}\n"
# Runs for hours, and lets itself be cancelled.
ENDLESS = "select sum(value % 7) as n from generate_series(1, 1000000000000)"
LOST_SECONDS = 20
STALE_SECONDS = 6

pytestmark = pytest.mark.skipif(STORE is None, reason="LAKEGATE_TEST_POSTGRES_URL is not set: no PostgreSQL")


@pytest.fixture(scope="module")
def node(serve, tmp_path_factory):
    """Starts a server on a store of this module."""
    name = f"nodes_{uuid.uuid4().hex}"
    psql = Path(os.environ["LAKEGATE_TEST_PG_BIN"]) / "psql"
    subprocess.run([psql, STORE, "-q", "-v", "ON_ERROR_STOP=1", "-c", f"CREATE DATABASE {name}"], check=True)
    folder = tmp_path_factory.mktemp("lake")
    (folder / "people.yaml").write_text(PEOPLE)
    (folder / "masked.yaml").write_text(MASKED)
    (folder / "files/t/people").mkdir(parents=True)
    (folder / "files/t/people/a.csv").write_text("id,email\n1,ann@x.de\n")
    settings = {"LAKEGATE__DATABASE__URL": f"{STORE.rsplit('/', 1)[0]}/{name}", "MASTER": "5e" * 32,
                "LAKEGATE__SECRETS__MASTER_KEY": "env://MASTER"}
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **settings}
    subprocess.run([BINARY, "migrate", "up", "--data", folder], env=environment, check=True)

    def start(**more: str) -> Server:
        return serve([folder], ANA=key_of("ana"), **{**settings, **more})

    start.store = settings["LAKEGATE__DATABASE__URL"]
    return start


@pytest.fixture
def far(node):
    """A server whose way to its store can be cut."""
    address = urlsplit(node.store)
    proxy = Proxy(address.port)
    url = address._replace(netloc=address.netloc.replace(f":{address.port}", f":{proxy.port}")).geturl()
    yield node(LAKEGATE__DATABASE__URL=url, LAKEGATE__QUERY__MAX_POLICY_STALENESS_SECONDS=str(STALE_SECONDS)), proxy
    proxy.cut()


def find(server: Server, query: str) -> dict:
    return server.request("GET", f"/v1/queries/{query}", key_of("ana")).json()


def running(server: Server) -> str:
    """The id of a query that this server runs."""
    query = server.request("POST", "/v1/queries", key_of("ana"), json={"sql": ENDLESS}).json()["id"]
    wait_for(server, query, "RUNNING", 30)
    return query


def wait_for(server: Server, query: str, state: str, seconds: float) -> dict:
    deadline = time.monotonic() + seconds
    while (found := find(server, query))["state"] != state:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    return found


def wait_until_answered(server: Server) -> None:
    """The first connections after a failure may take longer than a new statement waits."""
    deadline = time.monotonic() + 5
    while (answer := server.sql("ana", "select 1 as n")).status != 200:
        assert (answer.status, answer.code) == (503, "STORE_UNAVAILABLE") and time.monotonic() < deadline, answer.body
        time.sleep(0.1)


def test_the_queries_of_a_dead_node_fail_and_those_of_a_living_one_go_on(node):
    # Whichever of the living finds the lost one judges the other at the same moment.
    living, other, dying = node(), node(), node()
    kept, kept_too, lost = running(living), running(other), running(dying)
    dying.process.child.kill()
    killed = time.monotonic()
    again = node()
    found = wait_for(again, lost, "FAILED", LOST_SECONDS - (time.monotonic() - killed))
    assert (found["error"]["code"], found["error"]["retryable"]) == ("SERVER_LOST", True)
    assert found["usage"]["billed_bytes"] == 0
    assert [find(again, query)["state"] for query in (kept, kept_too)] == ["RUNNING", "RUNNING"]
    other.request("POST", f"/v1/queries/{kept_too}/cancel", key_of("ana"))
    living.request("POST", f"/v1/queries/{kept}/cancel", key_of("ana"))
    assert wait_for(again, kept, "CANCELLED", 30)["error"]["code"] == "USER_CANCELED"
    for server in (living, other, again):
        server.stop()


def test_a_statement_ends_when_its_permissions_cannot_be_confirmed(far):
    server, proxy = far
    query = running(server)
    proxy.cut()
    refused = server.sql("ana", "select 1 as n")
    assert (refused.status, refused.code) == (503, "STORE_UNAVAILABLE")
    assert refused.response.headers["Retry-After"] == "1"
    # It has ended, and its final state has been tried to be stored, before the store is back.
    deadline = time.monotonic() + 60
    while "the final state cannot be stored yet" not in server.log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    proxy.mend()
    found = wait_for(server, query, "FAILED", 20)
    assert found["error"]["code"] == "STORE_UNAVAILABLE", found
    assert found["usage"]["billed_bytes"] == 0
    wait_until_answered(server)


def test_a_statement_goes_on_when_the_store_is_back_in_time(far):
    server, proxy = far
    query = running(server)
    proxy.cut()
    assert server.sql("ana", "select 1 as n").status == 503
    proxy.mend()
    wait_until_answered(server)
    deadline = time.monotonic() + STALE_SECONDS + 1
    while time.monotonic() < deadline:
        assert find(server, query)["state"] == "RUNNING"
        time.sleep(0.2)
    server.request("POST", f"/v1/queries/{query}/cancel", key_of("ana"))
    wait_for(server, query, "CANCELLED", 30)


def test_keyed_masks_are_alike_on_all_servers_with_the_master_key(node):
    one, other, stranger = node(), node(), node(MASTER="00" * 32)
    sql = "SELECT email FROM lake.t.people"
    first = one.sql("ana", sql).rows
    assert first == other.sql("ana", sql).rows and len(first[0][0]) == 64
    refused = stranger.sql("ana", sql)
    assert (refused.status, refused.code) == (503, "MASK_KEY_UNAVAILABLE")
    assert stranger.sql("ana", "SELECT id FROM lake.t.people WHERE FALSE").status == 503
    assert stranger.sql("ana", "SELECT 1 AS n").rows == [["1"]]
    for server in (one, other, stranger):
        server.stop()
