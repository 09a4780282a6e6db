"""Two servers on one PostgreSQL store: how soon does the other one know that a grant was taken back? Skipped without it.

`REVOCATIONS=500 … pytest tests/api/test_revocation.py -s` prints the figures of docs/benchmarks.md.
"""

import os
import subprocess
import time
import uuid
from pathlib import Path

import pytest
import requests
import urllib3

from conftest import BINARY, Server, key_of

STORE = os.environ.get("LAKEGATE_TEST_POSTGRES_URL")
REVOCATIONS = int(os.environ.get("REVOCATIONS", "40"))
LAKE = """
lake: house
connections:
  files: {connector: files, options: {root: "./files"}}
catalogs:
  lake: {connection: files, default: true}
databases:
  lake.t: {location: "t/"}
tables:
  lake.t.people: {format: csv, location: "people/", columns: [{name: id, type: bigint}, {name: name, type: varchar}]}
users:
  ana: {}
  root: {roles: [admin]}
keys:
  ana: {user: ana, secret: "env://ANA"}
  root: {user: root, secret: "env://ROOT"}
"""
SQL = "select id from lake.t.people"
# Runs for hours, and reads the table.
ENDLESS = "select sum(g.value % 7) as n from generate_series(1, 1000000000000) g cross join lake.t.people p"
# Some 18 MB as JSON: more than what fits on the way.
LARGE = "select p.name, g.value from generate_series(1, 300000) g cross join lake.t.people p"
GRANT = {"to": "user:ana", "privileges": ["select"], "resource": "table:lake.t.people"}

pytestmark = pytest.mark.skipif(STORE is None, reason="LAKEGATE_TEST_POSTGRES_URL is not set: no PostgreSQL")


@pytest.fixture(scope="module")
def nodes(serve, tmp_path_factory) -> tuple[Server, Server]:
    return two_nodes(serve, tmp_path_factory, LAKE)


def two_nodes(serve, tmp_path_factory, lake: str) -> tuple[Server, Server]:
    """Two servers on a store of their own."""
    name = f"revocation_{uuid.uuid4().hex}"
    psql = Path(os.environ["LAKEGATE_TEST_PG_BIN"]) / "psql"
    subprocess.run([psql, STORE, "-q", "-v", "ON_ERROR_STOP=1", "-c", f"CREATE DATABASE {name}"], check=True)
    folder = tmp_path_factory.mktemp("lake")
    (folder / "files/t/people").mkdir(parents=True)
    (folder / "files/t/people/p.csv").write_text("id,name\n1,Ann\n2,Bob\n")
    (folder / "lake.yaml").write_text(lake)
    settings = {"LAKEGATE__DATABASE__URL": f"{STORE.rsplit('/', 1)[0]}/{name}"}
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **settings}
    subprocess.run([BINARY, "migrate", "up", "--data", folder], env=environment, check=True)
    start = lambda: serve([folder], ANA=key_of("ana"), ROOT=key_of("root"), **settings)  # noqa: E731
    return start(), start()


class Grant:
    """Ana's grant, made and taken back on one node."""

    def __init__(self, node: Server):
        self.node = node
        made = node.request("POST", "/v1/grants", key_of("root"), json=GRANT)
        made.raise_for_status()
        self.id, self.version = made.json()["id"], made.headers["ETag"]

    def revoke(self) -> float:
        """The moment at which the node said that it is done."""
        headers = {"If-Match": self.version}
        self.node.request("DELETE", f"/v1/grants/{self.id}", key_of("root"), headers=headers).raise_for_status()
        return time.monotonic()


def wait_until_allowed(node: Server) -> None:
    deadline = time.monotonic() + 5
    while node.sql("ana", SQL).status != 200:
        assert time.monotonic() < deadline


def refused(node: Server) -> bool:
    """Without rows: not found, or decided otherwise while it began."""
    answer = node.sql("ana", SQL)
    assert answer.status == 200 or answer.code in ("TABLE_NOT_FOUND", "POLICY_CHANGED"), answer.body
    return answer.status != 200


def submit(node: Server, sql: str, state: str, token: str = key_of("ana")) -> str:
    query = node.request("POST", "/v1/queries", token, json={"sql": sql}).json()["id"]
    deadline = time.monotonic() + 60
    while (found := node.request("GET", f"/v1/queries/{query}", token).json())["state"] != state:
        assert time.monotonic() < deadline and "error" not in found, found
        time.sleep(0.02)
    return query


def told(name: str, seconds: list[float]) -> float:
    """Prints the figures; answers the 99th percentile."""
    seconds = sorted(seconds)
    at = lambda share: seconds[min(len(seconds) - 1, int(share * len(seconds)))]  # noqa: E731
    print(f"\n{name}: n {len(seconds)}, p50 {at(.5) * 1000:.0f} ms, p99 {at(.99) * 1000:.0f} ms, "
          f"most {seconds[-1] * 1000:.0f} ms")
    return at(.99)


def test_the_next_statement_is_refused_here_at_once_and_there_within_a_second(nodes):
    here, there = nodes
    seconds = []
    for _ in range(REVOCATIONS):
        grant = Grant(here)
        assert not refused(here), "a grant binds the next statement of its node"
        wait_until_allowed(there)
        revoked = grant.revoke()
        while not refused(there):
            pass
        seconds.append(time.monotonic() - revoked)
        assert refused(here)
    assert told("the other node refuses", seconds) < 1


def test_the_node_that_revokes_refuses_its_very_next_statement(nodes):
    here, _ = nodes
    for _ in range(REVOCATIONS):
        grant = Grant(here)
        assert not refused(here)
        grant.revoke()
        assert refused(here)


def test_a_running_query_ends_on_both_nodes(nodes):
    seconds = []
    for _ in range(max(3, REVOCATIONS // 10)):
        grant = Grant(nodes[0])
        for node in nodes:
            wait_until_allowed(node)
        queries = [(node, submit(node, ENDLESS, "RUNNING")) for node in nodes]
        revoked = grant.revoke()
        open_ones = dict(enumerate(queries))
        while open_ones:
            for at, (node, query) in list(open_ones.items()):
                found = node.request("GET", f"/v1/queries/{query}", key_of("ana")).json()
                if found["state"] != "RUNNING":
                    seconds.append(time.monotonic() - revoked)
                    assert (found["state"], found["error"]["code"]) == ("CANCELLED", "POLICY_CHANGED"), found
                    del open_ones[at]
            assert time.monotonic() - revoked < 20
    told("a running query ends", seconds)
    assert max(seconds) < 2


def test_pages_of_an_old_result_are_decided_again(nodes):
    here, there = nodes
    seconds = []
    for _ in range(max(3, REVOCATIONS // 4)):
        grant = Grant(here)
        wait_until_allowed(there)
        path = f"/v1/queries/{submit(there, SQL, 'SUCCEEDED')}/results?limit=1"
        page = there.request("GET", path, key_of("ana"))
        assert page.status_code == 200, page.text
        revoked = grant.revoke()
        while (page := there.request("GET", path, key_of("ana"))).status_code == 200:
            pass
        seconds.append(time.monotonic() - revoked)
        assert (page.status_code, page.json()["code"]) == (409, "POLICY_CHANGED"), page.text
    assert told("the other node refuses a page", seconds) < 1


def test_a_download_ends_in_the_middle(nodes):
    here, there = nodes
    grant = Grant(here)
    wait_until_allowed(there)
    path = f"/v1/queries/{submit(there, LARGE, 'SUCCEEDED')}/results"
    headers = {"Authorization": f"Bearer {key_of('ana')}", "Accept": "application/x-ndjson"}
    download = requests.get(there.url + path, headers=headers, stream=True, timeout=60)
    assert download.status_code == 200
    assert download.raw.read(1 << 16)
    revoked = grant.revoke()
    # What is on its way comes, the rest does not.
    time.sleep(1)
    with pytest.raises(urllib3.exceptions.HTTPError):
        while download.raw.read(1 << 16):
            pass
    ended = time.monotonic() - revoked
    told("a download is cut", [ended])
    assert ended < 2
