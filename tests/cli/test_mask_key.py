"""The mask key: made at the first start, rotated by a steward from the command line, of no use without the master key."""

import hashlib
import hmac
import json
import re
import sqlite3
import stat

import pytest

from conftest import KEY, LAKE

GOVERNED = LAKE + """
connections:
  files: {connector: files, options: {root: "./data-files"}}
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
    masks: {email: {keyed: {func: hmac-sha-256, rank: 10, domain: people}}}
grants:
  - {to: "user:ana", privileges: [select-filtered], resource: "filter:lake.t.people/all"}
  - {to: "user:ana", privileges: [select-masked], resource: "mask:lake.t.people.email/keyed"}
"""
EMAIL = "SELECT email FROM lake.t.people WHERE id = 1"


@pytest.fixture
def governed(gateway):
    """The server with a table of which ana sees keyed hashes."""
    folder = gateway.folder / "data-files/t/people"
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text("id,email\n1,ann@x.de\n")
    gateway.process.stop(seconds=15)
    (gateway.folder / "lake.yaml").write_text(GOVERNED)
    gateway.start()
    return gateway


def email(gateway) -> str:
    done = gateway.run("sql", "-e", EMAIL, "-o", "jsonl")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["email"]


def as_admin(gateway, *arguments: str):
    import subprocess
    environment = gateway.cli_environment() | {"LAKEGATE_TOKEN": (gateway.data / "admin.key").read_text()}
    return subprocess.run([arguments[0], *arguments[1:]], env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=120)


def test_a_steward_rotates_the_key_and_nobody_sees_it(governed, binary):
    before = email(governed)
    assert re.fullmatch("[0-9a-f]{64}", before) and before == email(governed)
    refused = governed.run("mask-key", "rotate")
    assert refused.returncode != 0 and "ACCESS_DENIED" in refused.stderr, refused
    assert email(governed) == before
    rotated = as_admin(governed, str(binary), "mask-key", "rotate", "-o", "json")
    assert rotated.returncode == 0, rotated.stderr
    made = json.loads(rotated.stdout)
    assert (made["version"], made["current"], made["usable"], made["principal"]) == (2, True, True, "admin")
    assert email(governed) != before
    listed = as_admin(governed, str(binary), "mask-key", "list", "-o", "json")
    found = [(key["version"], key["current"]) for key in json.loads(listed.stdout)["items"]]
    assert found == [(2, True), (1, False)]
    told = as_admin(governed, str(binary), "audit", "list", "--resource", "mask-key:default", "-o", "json").stdout
    events = json.loads(told)["items"]
    assert {(event["principal"], event["action"]) for event in events} >= {("admin", "rotate"), ("bootstrap", "create")}
    # Neither the answers nor the log hold anything that is sealed.
    with sqlite3.connect(governed.data / "lakegate.db") as store:
        sealed = [json.loads(row[0]) for row in store.execute("SELECT sealed FROM secrets")]
    master = (governed.data / "master.key").read_text()
    for text in (rotated.stdout, listed.stdout, told, (governed.folder / "server.log").read_text()):
        for part in [master, *(envelope[name] for envelope in sealed for name in ("secret", "data_key"))]:
            assert part not in text


def test_without_the_master_key_the_rest_works(governed):
    before = email(governed)
    master = governed.data / "master.key"
    assert stat.S_IMODE(master.stat().st_mode) == 0o600
    text = master.read_text()
    governed.process.stop(seconds=15)
    master.unlink()
    governed.start()
    refused = governed.run("sql", "-e", EMAIL)
    assert refused.returncode != 0 and "MASK_KEY_UNAVAILABLE" in refused.stderr, refused
    assert governed.run("sql", "-e", "SELECT 1 AS n").returncode == 0
    assert not master.exists(), "a lost key is never replaced in silence"
    log = (governed.folder / "server.log").read_text()
    assert "there is no master key" in log and "a keyed mask denies its statement" in log
    governed.process.stop(seconds=15)
    # By reference from now on, and the same as before.
    governed.settings["LAKEGATE__SECRETS__MASTER_KEY"] = "env://THE_MASTER"
    governed.settings["THE_MASTER"] = text
    governed.start()
    assert email(governed) == before
    assert text not in (governed.folder / "server.log").read_text()


def test_the_hash_is_that_of_another_implementation(governed):
    """Opens the envelope with another library, where there is one."""
    aead = pytest.importorskip("cryptography.hazmat.primitives.ciphers.aead")
    if not hasattr(aead, "AESGCMSIV"):
        pytest.skip("no AES-GCM-SIV here")

    def opened(key: bytes, text: str, part: str) -> bytes:
        sealed = bytes.fromhex(text)
        return aead.AESGCMSIV(key).decrypt(sealed[:12], sealed[12:], f"default|mask-key|default|1|{part}".encode())

    with sqlite3.connect(governed.data / "lakegate.db") as store:
        [(sealed,)] = store.execute("SELECT sealed FROM secrets").fetchall()
    envelope = json.loads(sealed)
    data_key = opened(bytes.fromhex((governed.data / "master.key").read_text()), envelope["data_key"], "data-key")
    key = opened(data_key, envelope["secret"], "secret")
    domain = hmac.new(key, b"lakegate/mask/domain:people\x01", hashlib.sha256).digest()
    assert email(governed) == hmac.new(domain, b"ann@x.de", hashlib.sha256).hexdigest()
    assert KEY not in sealed


def test_a_new_master_key_takes_over(governed, binary):
    before = email(governed)
    master = governed.data / "master.key"
    old, new = master.read_text(), "5" * 64
    rotated = as_admin(governed, str(binary), "mask-key", "rotate")
    assert rotated.returncode == 0, rotated.stderr
    after = email(governed)
    assert after != before

    def restart(**settings: str):
        governed.process.stop(seconds=15)
        for name in ("MASTER_KEY", "PREVIOUS_MASTER_KEY"):
            governed.settings.pop(f"LAKEGATE__SECRETS__{name}", None)
        governed.settings.update({f"LAKEGATE__SECRETS__{name}": value for name, value in settings.items()})
        governed.settings.update(NEW_MASTER=new, OLD_MASTER=old)
        governed.start()

    restart(MASTER_KEY="env://NEW_MASTER")
    assert "MASK_KEY_UNAVAILABLE" in governed.run("sql", "-e", EMAIL).stderr
    alone = as_admin(governed, str(binary), "mask-key", "rewrap")
    assert alone.returncode != 0 and "previous_master_key" in alone.stderr, alone
    # The place of the old key opens what it sealed, until that is wrapped again.
    restart(MASTER_KEY="env://NEW_MASTER", PREVIOUS_MASTER_KEY=f"file://{master.resolve()}")
    assert email(governed) == after
    refused = governed.run("mask-key", "rewrap")
    assert refused.returncode != 0 and "ACCESS_DENIED" in refused.stderr, refused
    for expected in (2, 0):
        done = as_admin(governed, str(binary), "mask-key", "rewrap", "-o", "json")
        assert done.returncode == 0 and json.loads(done.stdout) == {"rewrapped": expected}, done
        assert email(governed) == after
    restart(MASTER_KEY="env://NEW_MASTER")
    assert email(governed) == after
    listed = as_admin(governed, str(binary), "mask-key", "list", "-o", "json")
    assert [key["usable"] for key in json.loads(listed.stdout)["items"]] == [True, True]
    told = json.loads(as_admin(governed, str(binary), "audit", "list", "--resource", "mask-key:default", "-o", "json").stdout)
    [event] = [event for event in told["items"] if event["action"] == "rewrap" and event["details"]["versions"]]
    assert event["details"]["versions"] == "2, 1", event
    for secret in (old, new):
        assert secret not in (governed.folder / "server.log").read_text()
    restart(MASTER_KEY="env://OLD_MASTER")
    assert "MASK_KEY_UNAVAILABLE" in governed.run("sql", "-e", EMAIL).stderr
