"""The audit trail as an operator meets it: torn, accepted, signed with a new key, verified with what is known elsewhere."""

import json
import os
import shutil
import sqlite3
import subprocess

import pytest

from conftest import BINARY


def stop(gateway) -> None:
    for number in range(3):
        assert gateway.run("sql", "-e", f"select {number} as n").returncode == 0
    gateway.process.stop(seconds=15)


def change(gateway, statements: str) -> None:
    with sqlite3.connect(gateway.data / "lakegate.db") as store:
        store.executescript(statements)


def verify(gateway, *more: str) -> tuple[int, dict]:
    found = gateway.run("audit", "verify", "--data", str(gateway.data), "-o", "json", *more)
    return found.returncode, json.loads(found.stdout)


def refused_start(gateway) -> str:
    """What a server says that does not start."""
    command = [str(BINARY), "serve", "--http", "127.0.0.1:0", "--management", "127.0.0.1:0", "--data", str(gateway.data)]
    ended = subprocess.run(command, env=gateway.environment(**gateway.settings), capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1, ended.stderr
    return ended.stderr


def first_key(gateway) -> dict:
    return json.loads(gateway.run("audit", "keys", "--data", str(gateway.data), "-o", "json").stdout)["items"][0]


# The last records of the longest chain, as a disk loses them; and so that nothing but the signature tells.
LONGEST = "(SELECT stream FROM audit_streams ORDER BY seq DESC LIMIT 1)"
TORN = f"DELETE FROM audit_events WHERE stream = {LONGEST} AND seq > 3"
CUT = f"""{TORN};
    UPDATE audit_streams SET seq = 3, hash = (SELECT hash FROM audit_events e WHERE e.stream = audit_streams.stream AND e.seq = 3)
    WHERE stream = {LONGEST}"""
GONE = "DELETE FROM audit_events; DELETE FROM audit_streams"


def test_a_stopped_server_leaves_everything_signed(gateway):
    stop(gateway)
    assert (gateway.data / "audit.key").stat().st_mode & 0o777 == 0o600
    code, report = verify(gateway)
    assert code == 0 and report["fault"] is None
    assert report["checkpoints"] >= 2 and report["unsigned"] == 0 and report["records"] > 3
    assert report["key"] == first_key(gateway)["id"]


@pytest.mark.parametrize("loss", [TORN, CUT, GONE])
def test_a_torn_trail_stops_the_server_until_somebody_answers_for_it(gateway, loss):
    stop(gateway)
    change(gateway, loss)
    code, report = verify(gateway)
    assert code == 13 and report["fault"]["kind"] == "torn-tail" and report["fault"]["checkpoint"] is not None, report
    assert "the audit trail is torn" in (said := refused_start(gateway)) and "lakegate audit acknowledge" in said
    accepted = gateway.run("audit", "acknowledge", "--data", str(gateway.data), "--reason", "the disk", "--by", "olga")
    assert accepted.returncode == 0, accepted.stderr
    again = gateway.run("audit", "acknowledge", "--data", str(gateway.data), "--reason", "the disk")
    assert again.returncode == 1 and "nothing is torn" in again.stderr
    gateway.start()
    assert gateway.run("sql", "-e", "select 1 as n").returncode == 0
    running = gateway.run("audit", "acknowledge", "--data", str(gateway.data), "--reason", "no")
    assert running.returncode == 1 and "a server uses this store" in running.stderr
    found = gateway.run("audit", "verify", "--data", str(gateway.data))
    assert found.returncode == 0 and "accepted by olga (the disk)" in found.stderr, found.stderr
    _, report = verify(gateway)
    assert report["acknowledged"][0]["by"] == "olga"


def test_what_was_changed_cannot_be_accepted(gateway):
    stop(gateway)
    change(gateway, "UPDATE audit_events SET principal = 'eve' WHERE seq = 2")
    code, report = verify(gateway)
    assert code == 1 and report["fault"]["kind"] == "edited"
    refused = gateway.run("audit", "acknowledge", "--data", str(gateway.data), "--reason", "no")
    assert refused.returncode == 1 and "only the loss of the end of a chain" in refused.stderr


def test_a_trail_made_anew_is_found_by_the_key_that_is_known(gateway, tmp_path):
    stop(gateway)
    ours = first_key(gateway)["public"]
    assert verify(gateway, "--public-key", ours)[0] == 0
    change(gateway, f"{GONE}; DELETE FROM audit_checkpoints; DELETE FROM audit_keys")
    (gateway.data / "audit.key").unlink()
    gateway.start()
    assert verify(gateway)[0] == 0
    code, report = verify(gateway, "--public-key", ours)
    assert code == 1 and (report["fault"]["part"], report["fault"]["kind"]) == ("key", "forged")
    assert gateway.run("audit", "verify", "--data", str(gateway.data), "--public-key", "ab").returncode == 1


def test_a_new_key_signs_without_a_restart(gateway):
    first = first_key(gateway)
    rotated = gateway.run("audit", "rotate-key", "--data", str(gateway.data))
    assert rotated.returncode == 0, rotated.stderr
    stop(gateway)
    code, report = verify(gateway, "--public-key", first["public"])
    assert code == 0 and report["unsigned"] == 0 and report["key"] != first["id"]
    assert verify(gateway, "--public-key", rotated.stdout.strip())[0] == 0
    assert (gateway.data / f"audit.key.{first['id']}").exists()


def test_copies_tell_that_a_store_is_old(gateway, tmp_path):
    gateway.process.stop(seconds=15)
    copies = f"file://{tmp_path / 'copies'}"
    gateway.settings["LAKEGATE__AUDIT__CHECKPOINTS_URL"] = copies
    gateway.start()
    gateway.process.stop(seconds=15)
    backup = tmp_path / "backup"
    shutil.copytree(gateway.data, backup)
    gateway.start()
    stop(gateway)
    assert verify(gateway, "--checkpoints", copies)[0] == 0
    os.rename(gateway.data, tmp_path / "lost")
    os.rename(backup, gateway.data)
    assert verify(gateway)[0] == 0, "the backup is whole"
    code, report = verify(gateway, "--checkpoints", copies)
    assert code == 13 and report["fault"]["kind"] == "torn-tail", report
    assert "older than the copies" in refused_start(gateway)
    accepted = gateway.run("audit", "acknowledge", "--data", str(gateway.data), "--reason", "backup", "--checkpoints", copies)
    assert accepted.returncode == 0, accepted.stderr
    gateway.start()
    gateway.process.stop(seconds=15)
    assert verify(gateway, "--checkpoints", copies)[0] == 0


def test_a_configured_key_of_openssl_signs(gateway, tmp_path):
    gateway.process.stop(seconds=15)
    key = tmp_path / "next.key"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True)
    public = subprocess.run(["openssl", "pkey", "-in", key, "-pubout"], check=True, capture_output=True, text=True).stdout
    (tmp_path / "public.pem").write_text(public)
    # Another key than the store's: the server runs, and signs nothing.
    gateway.settings["LAKEGATE__AUDIT__SIGNING_KEY"] = f"file://{key}"
    before = verify(gateway)[1]["checkpoints"]
    gateway.start()
    stop(gateway)
    code, report = verify(gateway)
    assert code == 0 and report["checkpoints"] == before and report["unsigned"] > 0
    assert "does not sign this store" in (gateway.folder / "server.log").read_text()
    # A store of its own.
    shutil.rmtree(gateway.data)
    gateway.start()
    stop(gateway)
    code, report = verify(gateway, "--public-key", str(tmp_path / "public.pem"))
    assert code == 0 and report["unsigned"] == 0 and not (gateway.data / "audit.key").exists()
