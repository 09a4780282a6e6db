"""Policies, filters, roles, attributes and keys that change on one of two servers: what becomes of a person's statements, runs,
pages and downloads on both? (Loops of R10; `test_revocation.py` has those of a grant.) Skipped without PostgreSQL."""

import time
from collections.abc import Callable

import pytest

from conftest import Server, key_of
from test_revocation import REVOCATIONS, STORE, submit, told, two_nodes

LOOPS = max(2, REVOCATIONS // 10)
LAKE = """
lake: house
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
    columns: [{name: id, type: bigint}, {name: name, type: varchar}]
    filters: {own: {where: "name IN principal.tag('names')"}}
roles:
  reader: {}
users:
  ben: {roles: [reader], attributes: {names: [Ann, Bob]}}
  root: {roles: [admin]}
keys:
  root: {user: root, secret: "env://ROOT"}
grants:
  - {to: "role:reader", privileges: [select-filtered], resource: "filter:lake.t.people/own"}
"""
SQL = "select id from lake.t.people order by id"
ENDLESS = "select sum(g.value % 7) as n from generate_series(1, 1000000000000) g cross join lake.t.people p"
FORBID = """@id("no.ben") forbid(principal == Lakegate::User::"ben", action == Lakegate::Action::"SelectFiltered", resource);"""
FILTER = "/v1/catalogs/lake/databases/t/tables/people/data-filters/own"

pytestmark = pytest.mark.skipif(STORE is None, reason="LAKEGATE_TEST_POSTGRES_URL is not set: no PostgreSQL")


@pytest.fixture(scope="module")
def nodes(serve, tmp_path_factory) -> tuple[Server, Server]:
    return two_nodes(serve, tmp_path_factory, LAKE)


class House:
    """Two servers, and ben, whose key is made anew whenever it was taken away."""

    def __init__(self, nodes: tuple[Server, Server]):
        self.nodes = nodes
        self.renew_key()
        # With another key ben looks at what became of the first one's queries.
        self.watch = self.root("POST", "/v1/api-keys", json={"name": "ben-watch", "user": "ben"}).json()["key"]

    def root(self, method: str, path: str, **more):
        answer = self.nodes[0].request(method, path, key_of("root"), **more)
        assert answer.status_code < 300, answer.text
        return answer

    def change(self, path: str, body: dict) -> None:
        version = self.root("GET", path).headers["ETag"]
        headers = {"If-Match": version, "Content-Type": "application/merge-patch+json"}
        self.root("PATCH", path, headers=headers, json=body)

    def drop(self, path: str) -> None:
        self.root("DELETE", path, headers={"If-Match": self.root("GET", path).headers["ETag"]})

    def drop_key(self) -> None:
        self.drop("/v1/api-keys/ben")

    def renew_key(self) -> None:
        self.token = self.root("POST", "/v1/api-keys", json={"name": "ben", "user": "ben"}).json()["key"]

    def ask(self, node: Server):
        return node.request("POST", "/v1/sql", self.token, json={"sql": SQL})

    def sees_all(self, node: Server) -> bool:
        answer = self.ask(node)
        return answer.status_code == 200 and answer.json()["rows"] == [["1"], ["2"]]

    def wait_for_all(self) -> None:
        deadline = time.monotonic() + 5
        while not all(self.sees_all(node) for node in self.nodes):
            assert time.monotonic() < deadline


@pytest.fixture(scope="module")
def house(nodes) -> House:
    return House(nodes)


# What takes something of ben's sight, what gives it back, and what the next statement answers: rows, or a status.
CHANGES: dict[str, tuple[Callable, Callable, object]] = {
    "policy": (
        lambda house: house.root("POST", "/v1/policies", json={"text": FORBID}),
        lambda house: house.drop("/v1/policies/no.ben"),
        404,
    ),
    "filter": (
        lambda house: house.change(FILTER, {"where": "name IN principal.tag('names') AND id > 1"}),
        lambda house: house.change(FILTER, {"where": "name IN principal.tag('names')"}),
        [["2"]],
    ),
    "role": (
        lambda house: house.change("/v1/users/ben", {"roles": []}),
        lambda house: house.change("/v1/users/ben", {"roles": ["reader"]}),
        404,
    ),
    "attribute": (
        lambda house: house.change("/v1/users/ben", {"attributes": {"names": ["Ann"]}}),
        lambda house: house.change("/v1/users/ben", {"attributes": {"names": ["Ann", "Bob"]}}),
        [["1"]],
    ),
    "key": (House.drop_key, House.renew_key, 401),
}


def has_changed(answer, expected) -> bool:
    """Not yet, or as expected; a statement may also begin before and end after."""
    if answer.status_code == 200:
        rows = answer.json()["rows"]
        assert rows in ([["1"], ["2"]], expected), rows
        return rows == expected
    code = answer.json()["code"]
    assert answer.status_code == expected or code == "POLICY_CHANGED", answer.text
    return answer.status_code == expected


@pytest.mark.parametrize("what", CHANGES)
def test_the_next_statement_here_and_within_a_second_there(house, what):
    take, give, expected = CHANGES[what]
    here, there = house.nodes
    seconds = []
    for _ in range(LOOPS):
        house.wait_for_all()
        take(house)
        taken = time.monotonic()
        assert has_changed(house.ask(here), expected), f"{what}: the next statement of the node itself"
        while not has_changed(house.ask(there), expected):
            assert time.monotonic() - taken < 10
        seconds.append(time.monotonic() - taken)
        give(house)
    assert told(f"{what}: the other node", seconds) < 1


@pytest.mark.parametrize("what", CHANGES)
def test_runs_and_pages_end_on_both(house, what):
    take, give, expected = CHANGES[what]
    seconds = []
    for _ in range(max(1, LOOPS // 2)):
        house.wait_for_all()
        runs = [(node, submit(node, ENDLESS, "RUNNING", house.token)) for node in house.nodes]
        pages = [(node, f"/v1/queries/{submit(node, SQL, 'SUCCEEDED', house.token)}/results?limit=1") for node in house.nodes]
        for node, path in pages:
            assert node.request("GET", path, house.token).status_code == 200
        take(house)
        taken = time.monotonic()
        for node, path in pages:
            while (page := node.request("GET", path, house.token)).status_code == 200:
                assert time.monotonic() - taken < 1, f"{what}: a page"
            assert page.status_code == (401 if expected == 401 else 409), page.text
        for node, query in runs:
            while (end := ended(house, node, query)) is None:
                assert time.monotonic() - taken < 2, f"{what}: a run"
            seconds.append(time.monotonic() - taken)
            assert end == ("CANCELLED", "POLICY_CHANGED"), end
        give(house)
    told(f"{what}: runs", seconds)


def ended(house: House, node: Server, query: str) -> tuple[str, str] | None:
    """State and code, once it has ended."""
    found = node.request("GET", f"/v1/queries/{query}", house.watch).json()
    if found["state"] in ("QUEUED", "RUNNING"):
        return None
    return found["state"], found["error"]["code"]
