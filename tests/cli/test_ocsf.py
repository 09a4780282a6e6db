"""Is what we export what the Open Cybersecurity Schema Framework says it is? By its own schema, that of version 1.3.0."""

import json
import subprocess
from functools import cache

import jsonschema
import pytest
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from conftest import BINARY, KEY, Gateway

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
    filters: {all: {where: "TRUE", except: [email]}}
    masks: {email: {kept: {func: mask-alphanum, rank: 10}}}
roles:
  clerk: {}
users:
  ana: {kind: human, roles: [clerk]}
  bob: {kind: service}
keys:
  ana: {user: ana, secret: "env://ANA_KEY"}
grants:
  - {to: "role:clerk", privileges: [select-filtered], resource: "filter:lake.t.people/all"}
  - {to: "user:ana", privileges: [select-masked], resource: "mask:lake.t.people.email/kept"}
  - {to: "user:ana", privileges: [read-audit, manage-policy, simulate-as], resource: "policy-store:default"}
  - {to: "user:ana", privileges: [manage-identity], resource: "tenant:default"}
"""


@pytest.fixture
def gateway(tmp_path):
    gateway = Gateway(tmp_path)
    gateway.lake.write_text(LAKE)
    people = tmp_path / "files/t/people"
    people.mkdir(parents=True)
    (people / "a.csv").write_text("id,email\n1,ann@x.de\n")
    gateway.start()
    yield gateway
    gateway.process.stop(seconds=15)


@cache
def published(uid: int, profiles: tuple[str, ...]) -> jsonschema.protocols.Validator:
    """The schema of a class. It has no members but those that it names."""
    schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(version="1.3.0"))
    found = schema.get_class_schema(class_name=schema.lookup_class_name_from_uid(class_uid=uid), profiles=list(profiles))
    return jsonschema.validators.validator_for(found)(found)


def problems(event: dict, whole: dict | None = None) -> list[str]:
    """By the class of the event, or of the whole one that it is a part of."""
    whole = whole or event
    validator = published(whole["class_uid"], tuple(whole["metadata"]["profiles"]))
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(event)]


def exported(gateway) -> list[dict]:
    done = subprocess.run([str(BINARY), "audit", "export"], env=gateway.cli_environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_every_kind_of_event_is_valid(gateway, tmp_path):
    assert gateway.run("sql", "-e", "select id, email from lake.t.people").returncode == 0
    assert gateway.run("sql", "-e", "select * from lake.t.nothing").returncode != 0
    assert gateway.run("policy", "explain", "lake.t.people").returncode == 0
    assert gateway.run("policy", "simulate", "--as", "bob", "lake.t.people").returncode == 0
    draft = tmp_path / "more.yaml"
    draft.write_text("lake: more\nroles: {auditor: {}}\n")
    assert gateway.run("apply", "-f", str(draft)).returncode == 0
    wrong = gateway.cli_environment() | {"LAKEGATE_TOKEN": KEY.replace("ana", "eve")}
    assert subprocess.run([str(BINARY), "whoami"], env=wrong, capture_output=True).returncode != 0
    exported(gateway)
    events = exported(gateway)
    kinds = {event["metadata"]["event_code"] for event in events}
    assert kinds >= {"authentication", "change", "explain", "query.attempt", "query.outcome", "read", "simulate"}, kinds
    assert {event["class_uid"] for event in events} == {3002, 3004, 6003, 6005}
    # Other classes have no member for a decision: there it stands below `unmapped`.
    assert {event["action"] for event in events if event["class_uid"] == 6005} == {"Allowed", "Denied"}
    found = {(event["metadata"]["event_code"], line) for event in events for line in problems(event)}
    assert not found, "\n".join(sorted(f"{kind} {line}" for kind, line in found))


def test_the_schema_finds_what_is_wrong(gateway):
    event = exported(gateway)[-1]
    assert problems(event) == []
    for name in ("class_uid", "time", "severity_id", "metadata", "type_uid"):
        part = {k: v for k, v in event.items() if k != name}
        assert any(name in line for line in problems(part, event)), name
    assert problems(event | {"severity_id": "Low"}) and problems(event | {"invented": 1})
