"""`lakegate audit verify` reads the store itself: does it find an edited, a deleted, a moved and a torn record?"""

import json
import shutil
import sqlite3

import pytest

EDITED = "UPDATE audit_events SET body = replace(body, 'allow', 'deny') WHERE seq = 3"
COPY = "UPDATE audit_events SET principal = 'eve' WHERE seq = 3"
DELETED = "DELETE FROM audit_events WHERE seq = 3"
MOVED = ("UPDATE audit_events SET seq = -3 WHERE seq = 3; UPDATE audit_events SET seq = 3 WHERE seq = 4; "
         "UPDATE audit_events SET seq = 4 WHERE seq = -3")
TORN = "DELETE FROM audit_events WHERE seq = (SELECT max(seq) FROM audit_events)"


@pytest.fixture
def trail(gateway, tmp_path):
    """A stopped server's store, and what its trail says when it is whole."""
    for number in range(4):
        assert gateway.run("sql", "-e", f"select {number} as n").returncode == 0
    # Beside a running server, too.
    whole = gateway.run("audit", "verify", "--data", str(gateway.data), "-o", "json")
    assert whole.returncode == 0, whole.stderr
    assert json.loads(whole.stdout)["fault"] is None
    gateway.process.stop(seconds=15)

    def tampered(statements: str):
        folder = tmp_path / "tampered"
        shutil.copytree(gateway.data, folder)
        with sqlite3.connect(folder / "lakegate.db") as store:
            store.executescript(statements)
        return gateway.run("audit", "verify", "--data", str(folder), "-o", "json")

    return tampered


@pytest.mark.parametrize(("statements", "kind"), [
    (EDITED, "edited"), (COPY, "edited"), (DELETED, "missing"), (MOVED, "misplaced"), (TORN, "torn-tail")])
def test_the_first_bad_record_is_named(trail, statements, kind):
    found = trail(statements)
    assert found.returncode == (13 if kind == "torn-tail" else 1), found.stdout
    fault = json.loads(found.stdout)["fault"]
    assert fault["kind"] == kind
    if kind != "torn-tail":
        assert fault["seq"] == 3
    assert f"audit record {fault['seq']} of chain `{fault['chain']}`" in found.stderr


def test_a_whole_trail_and_a_store_that_is_not_there(trail, gateway, tmp_path):
    assert trail("SELECT 1").returncode == 0
    missing = gateway.run("audit", "verify", "--data", str(tmp_path / "nowhere"))
    assert missing.returncode == 1 and "there is no store" in missing.stderr
    assert not (tmp_path / "nowhere").exists()
