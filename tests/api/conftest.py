"""Servers of the binary under test (LAKEGATE_BIN), one a module, and people who ask them over REST."""

import json
import os
import sys
from pathlib import Path

import pytest
import requests

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "servers"))

from process import Process  # noqa: E402

REPOSITORY = Path(__file__).resolve().parent.parent.parent
BINARY = Path(os.environ.get("LAKEGATE_BIN", REPOSITORY / "target/debug/lakegate")).resolve()
# Ids and the time.
HEADERS_THAT_DIFFER = {"date", "lakegate-query-id", "lakegate-request-id", "traceparent", "x-request-id"}


def key_of(person: str) -> str:
    """The API key of a person: as long as it has to be."""
    return f"{person}-key-0123456789-0123456789-0123456789"


class Answer:
    """An answer of POST /v1/sql: rows of JSON, or the error envelope."""

    def __init__(self, response: requests.Response):
        self.response = response
        self.status = response.status_code
        self.body = response.json()

    @property
    def rows(self) -> list:
        assert self.status == 200, self.body
        return self.body["rows"]

    @property
    def columns(self) -> list[str]:
        return [column["name"] for column in self.body["columns"]]

    @property
    def code(self) -> str:
        assert self.status != 200, self.body
        return self.body["code"]

    def fingerprint(self, typed: str) -> tuple:
        """Status, headers and body but for ids, date and the name that was typed."""
        body = {name: value for name, value in self.body.items() if name not in ("query_id", "request_id")}
        headers = {name.lower(): value for name, value in self.response.headers.items()}
        headers = {name: value for name, value in headers.items() if name not in HEADERS_THAT_DIFFER}
        return self.status, headers, json.dumps(body).replace(typed, "TYPED")


class Server:
    """A running `lakegate serve`."""

    def __init__(self, folder: Path, apply: list[Path], config: Path | None, environment: dict[str, str]):
        self.folder = folder
        ready = folder / "ready.json"
        command = [str(BINARY), "serve", "--http", "127.0.0.1:0", "--management", "127.0.0.1:0", "--data",
                   str(folder / "data"), "--apply", *map(str, apply), "--ready-file", str(ready)]
        if config is not None:
            command += ["--config", str(config)]
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LAKEGATE__DRAIN__DELAY_SECONDS": "0", **environment}
        self.log = folder / "server.log"
        self.process = Process("lakegate", command, self.log, env=environment)
        self.process.wait_ready(ready.exists, 60)
        addresses = json.loads(ready.read_text())
        self.url, self.management = f"http://{addresses['http']}", f"http://{addresses['management']}"

    def request(self, method: str, path: str, token: str | None, **more) -> requests.Response:
        headers = {"Accept": "application/json", **more.pop("headers", {})}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return requests.request(method, self.url + path, headers=headers, timeout=60, **more)

    def sql(self, person: str, sql: str, **more) -> Answer:
        return Answer(self.request("POST", "/v1/sql", key_of(person), json={"sql": sql, **more}))

    def usage(self, person: str, answer: Answer) -> dict:
        """The figures that this person is shown of a query of theirs."""
        query = answer.response.headers["Lakegate-Query-Id"]
        found = self.request("GET", f"/v1/queries/{query}", key_of(person)).json()
        assert found["state"] == "SUCCEEDED", found
        return found["usage"]

    def assert_alive(self) -> None:
        assert self.process.child.poll() is None, self.log.read_text()[-2000:]
        assert requests.get(self.management + "/livez", timeout=10).status_code == 200

    def stop(self) -> None:
        self.process.stop()


@pytest.fixture(scope="module")
def serve(tmp_path_factory):
    """Starts servers: `serve([lake files], NAME=value)`; all end with the module."""
    started: list[Server] = []

    def start(apply: list[Path], config: Path | None = None, **environment: str) -> Server:
        server = Server(tmp_path_factory.mktemp("server"), apply, config, environment)
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()
