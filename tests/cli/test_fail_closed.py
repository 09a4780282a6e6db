"""Where nothing can be written down, nothing is answered: a disk that is full, and a PostgreSQL that is stopped, while people ask."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from conftest import BINARY, KEY, Gateway
from postgres import Postgres, environment, user_switch

LAKE = """lake: acme
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
    filters: {all: {where: "TRUE"}}
users:
  ana: {kind: human}
  olga: {kind: human}
keys:
  ana: {user: ana, secret: "env://ANA_KEY"}
  olga: {user: olga, secret: "env://OLGA_KEY"}
grants:
  - {to: "user:ana", privileges: [select-filtered], resource: "filter:lake.t.people/all"}
  - {to: "user:olga", privileges: [read-audit], resource: "policy-store:default"}
"""
OLGA = "olga-key-0123456789-0123456789-0123456789"
ROWS = [["1", "ann@x.de"], ["2", "bob@x.fr"]]
# What may be said while nothing can be stored.
REFUSALS = {"AUDIT_UNAVAILABLE", "STORE_UNAVAILABLE"}


def ask(gateway: Gateway, sql: str = "select id, email from lake.t.people order by id") -> tuple[int, dict]:
    """Status and body of one statement; 206 where rows broke off, 0 where the connection ended without an answer."""
    request = urllib.request.Request(gateway.url + "/v1/sql", json.dumps({"sql": sql}).encode(),
                                     {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json", "Accept": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            query = answer.headers["Lakegate-Query-Id"]
            try:
                return answer.status, json.load(answer) | {"query": query}
            except http.client.IncompleteRead as broken:
                return 206, {"query": query, "text": broken.partial.decode()}
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
    except (OSError, ValueError, http.client.HTTPException):
        return 0, {}


def attempts(gateway: Gateway) -> dict[str, list[dict]]:
    """Attempts on the table, by query."""
    found = subprocess.run([str(BINARY), "audit", "export"], capture_output=True, text=True, timeout=120,
                           env=gateway.environment(LAKEGATE_URL=gateway.url, LAKEGATE_TOKEN=OLGA))
    assert found.returncode == 0, found.stderr
    events = [json.loads(line) for line in found.stdout.splitlines()]
    by_query: dict[str, list[dict]] = {}
    for event in events:
        if event["metadata"]["event_code"] == "query.attempt":
            by_query.setdefault(event["metadata"]["correlation_uid"], []).append(event)
    return by_query


def prepare(gateway: Gateway) -> None:
    gateway.lake.write_text(LAKE)
    people = gateway.folder / "files/t/people"
    people.mkdir(parents=True)
    (people / "a.csv").write_text("id,email\n1,ann@x.de\n2,bob@x.fr\n")
    gateway.keys["OLGA_KEY"] = OLGA


class Askers:
    """People who ask without end, and what they were told."""

    def __init__(self, gateway: Gateway, people: int = 3):
        self.answers: list[tuple[int, dict]] = []
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self.ask, args=(gateway,), daemon=True) for _ in range(people)]
        for thread in self.threads:
            thread.start()

    def ask(self, gateway: Gateway) -> None:
        while not self.stopped.is_set():
            self.answers.append(ask(gateway))
            time.sleep(0.01)

    def stop(self) -> list[tuple[int, dict]]:
        self.stopped.set()
        for thread in self.threads:
            thread.join()
        return self.answers

    def wait_for(self, what, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not any(what(status, body) for status, body in self.answers):
            assert time.monotonic() < deadline, self.answers[-3:]
            time.sleep(0.05)

    def wait_for_more(self, count: int, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while len(self.answers) < count:
            assert time.monotonic() < deadline, self.answers[-3:]
            time.sleep(0.05)

    def wait_until_answered(self, after: int, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not any(status == 200 for status, _ in self.answers[after:]):
            assert time.monotonic() < deadline, self.answers[-3:]
            time.sleep(0.05)


def check(gateway: Gateway, answers: list[tuple[int, dict]]) -> None:
    """Whoever got rows is in the trail; whoever got none was told why, and nothing else."""
    recorded = attempts(gateway)
    for status, body in answers:
        if status == 200:
            assert body["rows"] == ROWS, body
            assert len(recorded.get(body["query"], [])) == 1, body["query"]
        elif status == 206:
            # The outcome could not be stored, or not in time; that it was tried is.
            assert "ann@" not in body["text"] or len(recorded.get(body["query"], [])) == 1, body
        else:
            assert "rows" not in body and (status == 0 or body["code"] in REFUSALS), (status, body)
            assert "ann@" not in json.dumps(body)
    assert any(status == 200 for status, _ in answers) and any(status == 503 for status, _ in answers)


def whole(gateway: Gateway, *more: str) -> None:
    found = subprocess.run([str(BINARY), "audit", "verify", "--data", str(gateway.data), "-o", "json", *more],
                           env=gateway.environment(**gateway.settings), capture_output=True, text=True, timeout=120)
    assert found.returncode == 0, (found.stdout, found.stderr, gateway.process.log_end())


@pytest.fixture
def small(tmp_path):
    """A server whose data lie on a disk of 24 MiB."""
    gateway = Gateway(tmp_path)
    gateway.data.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "lakegate-test", str(gateway.data)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("a disk of its own needs root")
    prepare(gateway)
    try:
        gateway.start()
        yield gateway
        gateway.process.stop(seconds=15)
    finally:
        subprocess.run(["umount", "-l", str(gateway.data)], check=True)


def fill(folder: Path) -> Path:
    """Writes until nothing fits any more."""
    ballast = folder / "ballast"
    with open(ballast, "ab", buffering=0) as file:
        for size in (65_536, 512, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue
    return ballast


def test_nothing_is_answered_on_a_full_disk_and_everything_after_it(small):
    assert ask(small)[1]["rows"] == ROWS
    askers = Askers(small)
    askers.wait_for(lambda status, _: status == 200, 30)
    ballast = fill(small.data)
    askers.wait_for(lambda status, _: status == 503, 60)
    # What was freed when something was taken back is taken, too.
    askers.wait_for_more(len(askers.answers) + 6, 60)
    fill(small.data)
    status, body = ask(small)
    assert status == 503 and body["code"] in REFUSALS, body
    # A query without a table leaves a record as well.
    assert small.run("sql", "-e", "select 1 as n").returncode != 0
    ballast.unlink()
    askers.wait_until_answered(len(askers.answers), 30)
    answers = askers.stop()
    check(small, answers)
    assert small.process.child.poll() is None
    whole(small)
    small.process.stop(seconds=15)
    whole(small)
    small.start()
    assert ask(small)[1]["rows"] == ROWS


class Stored:
    """A PostgreSQL of its own that is killed and started again, and a server whose store it holds."""

    def __init__(self, folder: Path):
        self.postgres = Postgres(folder)
        self.postgres.start()
        self.command = self.postgres.process.child.args
        self.gateway = Gateway(folder / "gateway")
        prepare(self.gateway)
        self.gateway.settings["LAKEGATE__DATABASE__URL"] = self.postgres.environment()["LAKEGATE_TEST_POSTGRES_URL"]
        migrated = subprocess.run([str(BINARY), "migrate", "up", "--data", str(self.gateway.data)], capture_output=True, text=True,
                                  env=self.gateway.environment(**self.gateway.settings))
        assert migrated.returncode == 0, migrated.stderr
        self.gateway.start()

    def kill(self) -> None:
        self.postgres.process.stop(signal.SIGQUIT)

    def again(self) -> None:
        """On the same port, where the server looks for it."""
        before = self.postgres.process
        self.postgres.process = type(before)("postgres", self.command[self.command.index("--") + 1:], before.log,
                                             user=user_switch(), cwd=self.postgres.folder, env=environment())
        self.postgres.process.wait_ready(self.postgres.ready, 30)


@pytest.fixture
def stored():
    if "LAKEGATE_TEST_PG_BIN" not in os.environ:
        pytest.skip("LAKEGATE_TEST_PG_BIN is not set: no PostgreSQL")
    # Its own user must be able to enter.
    folder = Path(tempfile.mkdtemp(prefix="lg"))
    folder.chmod(0o711)
    (folder / "gateway").mkdir()
    stored = None
    try:
        stored = Stored(folder)
        yield stored
        stored.gateway.process.stop(seconds=15)
    finally:
        if stored:
            stored.kill()
        shutil.rmtree(folder, ignore_errors=True)


def test_nothing_is_answered_while_the_store_is_away_and_everything_after_it(stored):
    gateway = stored.gateway
    assert ask(gateway)[1]["rows"] == ROWS
    askers = Askers(gateway)
    askers.wait_for(lambda status, _: status == 200, 30)
    for _ in range(2):
        stored.kill()
        before = len(askers.answers)
        askers.wait_for_more(before + 6, 60)
        # Those that were under way may still end well: their attempts were stored. Later ones do not.
        assert ask(gateway)[0] == 503
        stored.again()
        after = len(askers.answers)
        askers.wait_until_answered(after, 60)
    answers = askers.stop()
    check(gateway, answers)
    assert gateway.process.child.poll() is None
    whole(gateway)
