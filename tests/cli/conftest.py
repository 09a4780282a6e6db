"""A server of the binary under test (LAKEGATE_BIN) on a tiny lake, and its command line, for one test each."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "servers"))

from process import Process  # noqa: E402

REPOSITORY = Path(__file__).resolve().parent.parent.parent
BINARY = Path(os.environ.get("LAKEGATE_BIN", REPOSITORY / "target/debug/lakegate")).resolve()
KEY = "ana-key-0123456789-0123456789-0123456789"
LAKE = """lake: acme
users:
  ana: {kind: human}
keys:
  ana: {user: ana, secret: "env://ANA_KEY"}
"""
# Runs for hours, and lets itself be cancelled.
ENDLESS = "select sum(value % 7) as n from generate_series(1, 1000000000000)"


class Gateway:
    """A server that can be stopped, killed and started again on the same data, and the CLI as ana."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.data = folder / "data"
        self.ready_file = folder / "ready.json"
        self.settings: dict[str, str] = {"LAKEGATE__DRAIN__DELAY_SECONDS": "0"}
        (folder / "lake.yaml").write_text(LAKE)
        self.lake = folder / "lake.yaml"
        self.keys = {"ANA_KEY": KEY}
        self.process: Process | None = None

    def environment(self, **more: str) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), "TERM": "xterm"} | more

    def start(self) -> float:
        """Starts the server; answers with the seconds until it was ready."""
        self.ready_file.unlink(missing_ok=True)
        command = [str(BINARY), "serve", "--http", "127.0.0.1:0", "--management", "127.0.0.1:0", "--data",
                   str(self.data), "--apply", str(self.lake), "--ready-file", str(self.ready_file)]
        began = time.monotonic()
        self.process = Process("lakegate", command, self.folder / "server.log",
                               env=self.environment(**self.keys, **self.settings))
        self.process.wait_ready(self.ready_file.exists, 60)
        elapsed = time.monotonic() - began
        ready = json.loads(self.ready_file.read_text())
        self.url, self.management = f"http://{ready['http']}", f"http://{ready['management']}"
        return elapsed

    def signal(self, number: int) -> None:
        self.process.child.send_signal(number)

    def cli_environment(self) -> dict[str, str]:
        return self.environment(LAKEGATE_URL=self.url, LAKEGATE_TOKEN=KEY)

    def run(self, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run([str(BINARY), *arguments], env=self.cli_environment(), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=120)

    def submit(self, sql: str) -> str:
        done = self.run("query", "submit", "-e", sql)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def find(self, query: str) -> dict:
        done = self.run("query", "find", query, "-o", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def queries(self) -> list[dict]:
        done = self.run("query", "list", "-o", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["items"]

    def wait_for(self, query: str, states: set[str], seconds: float = 30) -> dict:
        deadline = time.monotonic() + seconds
        while (found := self.find(query))["state"] not in states:
            assert time.monotonic() < deadline, found
            time.sleep(0.02)
        return found

    def probe(self, path: str) -> int:
        try:
            with urllib.request.urlopen(self.management + path, timeout=5) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code


@pytest.fixture
def gateway(tmp_path):
    gateway = Gateway(tmp_path)
    gateway.start()
    yield gateway
    gateway.process.stop(seconds=15)


@pytest.fixture
def binary():
    return BINARY


@pytest.fixture
def endless():
    return ENDLESS
