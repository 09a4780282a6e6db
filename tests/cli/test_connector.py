"""`lakegate connector serve` as an operator runs it: a gateway, a host in a process of its own, a policy; and a foreign Flight client."""

import signal
import sqlite3
import subprocess
from pathlib import Path

import pyarrow.flight as flight
import pytest
from conftest import BINARY, Gateway

from process import Process  # noqa: I001  (on the path since conftest)

REMOTE_KEY = "00112233445566778899aabbccddeeff" * 2
LAKE = """lake: acme
users:
  ana: {{kind: human}}
  bo: {{kind: human}}
keys:
  ana: {{user: ana, secret: "env://ANA_KEY"}}
connections:
  crm:
    connector: sqlite
    options: {{remote: "grpc://{address}", path: {path}}}
    credential: {{remote_key: "env://REMOTE_KEY"}}
catalogs:
  crm: {{connection: crm, discover: true}}
grants:
  - {{to: "user:ana", privileges: [select], resource: "catalog:crm"}}
"""


class Host:
    """`lakegate connector serve`."""

    def __init__(self, log: Path, *arguments: str):
        self.log = log
        command = [str(BINARY), "connector", "serve", "--kind", "sqlite", "--listen", "127.0.0.1:0", *arguments]
        self.process = Process("connector", command, self.log, env={"PATH": "/usr/bin:/bin", "REMOTE_KEY": REMOTE_KEY})
        self.process.wait_ready(lambda: "listens on" in self.log.read_text(), 60)
        said = next(line for line in self.log.read_text().splitlines() if "listens on" in line)
        self.address = said.rsplit(" ", 1)[1]

    def stop(self) -> None:
        self.process.stop(signal.SIGTERM)


@pytest.fixture
def host(tmp_path):
    started = []

    def start(*arguments: str) -> Host:
        started.append(Host(tmp_path / f"host{len(started)}.log", *arguments))
        return started[-1]
    yield start
    for one in started:
        one.stop()


@pytest.fixture
def database(tmp_path) -> Path:
    path = tmp_path / "crm.db"
    with sqlite3.connect(path) as connection:
        connection.executescript("""
            CREATE TABLE people (id INTEGER PRIMARY KEY, owner TEXT, note TEXT);
            INSERT INTO people VALUES (1, 'ana', 'mine'), (2, 'bo', 'theirs'), (3, 'ana', NULL);""")
    return path


@pytest.fixture
def gateway(tmp_path):
    server = Gateway(tmp_path)
    yield server
    if server.process:
        server.process.stop(signal.SIGTERM)


def test_a_query_runs_over_a_remote_connector(host, database, gateway, tmp_path):
    remote = host("--key", "env://REMOTE_KEY", "--local-root", str(tmp_path))
    gateway.lake.write_text(LAKE.format(address=remote.address, path=database))
    gateway.keys["REMOTE_KEY"] = REMOTE_KEY
    gateway.start()
    done = gateway.run("sql", "-e", "select id, owner, note from crm.main.people order by id", "-o", "csv")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ['"id","owner","note"', '"1","ana","mine"', '"2","bo","theirs"', '"3","ana",']
    filtered = gateway.run("sql", "-e", "select count(*) as n from crm.main.people where owner = 'ana'", "-o", "csv")
    assert filtered.stdout.split() == ['"n"', '"2"'], filtered.stderr
    # The secret is in no log of either process.
    for log in (remote.log, tmp_path / "server.log"):
        assert REMOTE_KEY not in log.read_text()
    # Nobody else serves the connection: without its host there is no answer, and no hang.
    remote.stop()
    lost = gateway.run("sql", "-e", "select count(*) from crm.main.people")
    assert lost.returncode != 0 and "SOURCE_UNAVAILABLE" in lost.stderr, lost.stderr


def test_a_foreign_client_is_understood_and_let_in_only_without_a_key(host, database, tmp_path):
    def ping(address: str) -> list:
        client = flight.FlightClient(f"grpc://{address}")
        metadata = [(b"lakegate-contract", b"1.0"), (b"lakegate-query", b"q"),
                    (b"lakegate-invocation", b"00000000-0000-0000-0000-000000000001")]
        options = flight.FlightCallOptions(timeout=10, headers=metadata)
        # Describe { connection: { id, kind, options_json }, what: "ping" }, as protobuf writes it.
        path = f'{{"path": "{database}"}}'.encode()
        connection = b"\x0a\x01c" + b"\x1a\x06sqlite" + b"\x22" + bytes([len(path)]) + path
        body = b"\x0a" + bytes([len(connection)]) + connection + b"\x12\x04ping"
        return list(client.do_action(flight.Action("lakegate.describe", body), options))
    assert len(str(database)) < 100
    answer = ping(host("--local-root", str(tmp_path)).address)
    assert [result.body.to_pybytes() for result in answer] == [b""]
    keyed = host("--local-root", str(tmp_path), "--key", "env://REMOTE_KEY")
    with pytest.raises(flight.FlightUnauthenticatedError):
        ping(keyed.address)


def test_a_host_is_not_open_to_a_network_by_mistake(tmp_path):
    def refused(*arguments: str) -> str:
        command = [str(BINARY), "connector", "serve", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={"SHORT": "abc"})
        assert done.returncode == 1, done.stderr
        return done.stderr
    assert "can be reached from other machines" in refused("--kind", "sqlite", "--listen", "0.0.0.0:0")
    assert "64 hex digits" in refused("--kind", "sqlite", "--key", "env://SHORT")
    assert "does not run remotely" in refused("--kind", "files")
    assert "is not supported" in refused("--kind", "oracle")
