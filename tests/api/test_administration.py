"""What do the routes of administration answer on a running server: usage, grants, keys, and a lake as a form of files?"""

from datetime import datetime, timezone

import pytest

from conftest import key_of

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
roles:
  desk: {}
users:
  ana: {}
  hedi: {roles: [desk]}
  root: {roles: [admin]}
grants:
  - {to: "user:ana", privileges: [describe, select], resource: "table:lake.t.people"}
  - {to: "user:hedi", privileges: [manage-identity], resource: "tenant:default"}
keys:
  ana: {user: ana, secret: "env://ANA_KEY"}
  hedi: {user: hedi, secret: "env://HEDI_KEY"}
  root: {user: root, secret: "env://ROOT_KEY"}
"""


@pytest.fixture(scope="module")
def server(serve, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lake")
    (folder / "files/t/people").mkdir(parents=True)
    (folder / "files/t/people/p.csv").write_text("id,name\n1,Ann\n2,Bob\n")
    (folder / "lake.yaml").write_text(LAKE)
    keys = {f"{person.upper()}_KEY": key_of(person) for person in ["ana", "hedi", "root"]}
    return serve([folder], **keys)


def call(server, method, person, path, **more):
    return server.request(method, path, key_of(person), **more)


def test_usage_is_summed_by_day_workgroup_and_principal(server):
    server.usage("ana", server.sql("ana", "SELECT * FROM lake.t.people"))
    today = datetime.now(timezone.utc).date().isoformat()
    [item] = call(server, "GET", "ana", f"/v1/usage?from={today}").json()["items"]
    assert (item["day"], item["workgroup"], item["principal"], item["queries"]) == (today, "primary", "ana", 1)
    assert item["billed_bytes"] == 10 * 1_048_576 and item["cost"] == "0.000047684 USD"
    assert call(server, "GET", "hedi", "/v1/usage").json()["items"] == []
    principals = {item["principal"] for item in call(server, "GET", "root", "/v1/usage").json()["items"]}
    assert "ana" in principals


def test_grants_stand_below_their_table_and_change_their_end(server):
    base = "/v1/catalogs/lake/databases/t/tables/people/grants"
    items = call(server, "GET", "root", base).json()["items"]
    assert {item["privileges"][0] for item in items} == {"describe", "select"}
    grant = next(item for item in items if item["privileges"] == ["describe"])
    path, body = f"/v1/grants/{grant['id']}", {"expires": "2090-01-01T00:00:00Z"}
    assert call(server, "PATCH", "root", path, json=body).status_code == 428
    stale = call(server, "PATCH", "root", path, json=body, headers={"If-Match": '"99"'})
    assert stale.status_code == 412
    changed = call(server, "PATCH", "root", path, json=body, headers={"If-Match": f'"{grant["version"]}"'})
    assert changed.status_code == 200 and changed.json()["expires"].startswith("2090-01-01"), changed.text
    assert call(server, "GET", "hedi", base).status_code == 404


def test_a_key_is_renamed_and_ended(server):
    made = call(server, "POST", "ana", "/v1/api-keys", json={"name": "laptop"})
    key = made.json()["key"]
    path, headers = "/v1/api-keys/laptop", {"If-Match": made.headers["ETag"]}
    changed = call(server, "PATCH", "ana", path, json={"name": "desk", "expires": "2020-01-01T00:00:00Z"}, headers=headers)
    assert changed.status_code == 200 and changed.json()["name"] == "desk", changed.text
    assert server.request("GET", "/v1/whoami", key).status_code == 401


def test_a_lake_is_a_form_of_files(server):
    files = [("file", ("a.yaml", "lake: form\nroles:\n  crew: {}\n")),
             ("file", ("p.cedar", '@id("p")\nforbid(principal in Lakegate::Role::"crew", action, resource);\n'))]
    dry = call(server, "POST", "root", "/v1/apply", files=files, data={"dry_run": "true"})
    assert dry.status_code == 200 and dry.json()["counts"]["created"] == 2, dry.text
    once = {"Idempotency-Key": "form-1", "Content-Type": "multipart/form-data; boundary=b"}
    body = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.yaml\"\r\n\r\nlake: form\nroles: {crew: {}}\n\r\n--b--\r\n"
    first = call(server, "POST", "root", "/v1/apply", data=body, headers=once)
    again = call(server, "POST", "root", "/v1/apply", data=body, headers=once)
    assert first.status_code == 200 and first.json() == again.json(), first.text
    assert again.headers["Idempotency-Replayed"] == "true"
    wrong = [("file", ("a.yaml", "lake: form\n")), ("file", ("b.yaml", "roles:\n  x: {nope: 1}\n"))]
    [problem] = call(server, "POST", "root", "/v1/apply", files=wrong).json()["problems"]
    assert (problem["file"], problem["line"], problem["column"]) == ("b.yaml", 2, 7)


def test_who_manages_identities_does_not_become_an_administrator(server):
    any_version = {"If-Match": "*"}
    for path, body in [("/v1/users/hedi", {"roles": ["desk", "admin"]}), ("/v1/roles/desk", {"member_of": ["admin"]}),
                       ("/v1/users/root", {"subjects": ["https://id.example~hedi"]}), ("/v1/users/ana", {"roles": ["admin"]})]:
        refused = call(server, "PATCH", "hedi", path, json=body, headers=any_version)
        assert (refused.status_code, refused.json()["code"]) == (403, "ACCESS_DENIED"), refused.text
    assert call(server, "POST", "hedi", "/v1/api-keys", json={"name": "x", "user": "root"}).status_code == 403
    assert call(server, "POST", "hedi", "/v1/api-keys", json={"name": "x", "user": "ana"}).status_code == 201
