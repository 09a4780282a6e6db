"""Does a token of a real provider (Keycloak) say who somebody is, from log-in to rows? Skipped without LAKEGATE_TEST_OIDC_*."""

import base64
import json
import os
import re

import pytest
import requests

ISSUER = os.environ.get("LAKEGATE_TEST_OIDC_ISSUER")
pytestmark = pytest.mark.skipif(ISSUER is None, reason="LAKEGATE_TEST_OIDC_ISSUER is not set: no Keycloak")

LAKE = """
lake: oidc
connections:
  files: {{connector: files, options: {{root: "./files"}}}}
catalogs:
  lake: {{connection: files, default: true}}
databases:
  lake.t: {{location: "t/"}}
tables:
  lake.t.x: {{format: csv, location: "x/", columns: [{{name: id, type: bigint}}, {{name: v, type: varchar}}],
             filters: {{one: {{where: "id = 1"}}}}}}
users:
  ana: {{subjects: ["{issuer}~{subject}"]}}
grants:
  - {{to: "user:ana", privileges: [select-filtered], resource: "filter:lake.t.x/one"}}
"""


def token(password: str | None = None) -> requests.Response:
    endpoint = requests.get(f"{ISSUER}/.well-known/openid-configuration", timeout=30).json()["token_endpoint"]
    return requests.post(endpoint, timeout=30, data={
        "grant_type": "password",
        "client_id": os.environ["LAKEGATE_TEST_OIDC_CLIENT_ID"],
        "client_secret": os.environ["LAKEGATE_TEST_OIDC_CLIENT_SECRET"],
        "username": os.environ["LAKEGATE_TEST_OIDC_USERNAME"],
        "password": password or os.environ["LAKEGATE_TEST_OIDC_PASSWORD"],
        "scope": "openid",
    })


@pytest.fixture(scope="module")
def access() -> str:
    answer = token()
    assert answer.status_code == 200, answer.text
    return answer.json()["access_token"]


@pytest.fixture(scope="module")
def server(serve, tmp_path_factory, access):
    part = access.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    folder = tmp_path_factory.mktemp("lake")
    (folder / "files/t/x").mkdir(parents=True)
    (folder / "files/t/x/a.csv").write_text("id,v\n1,a\n2,CANARY\n")
    (folder / "lake.yaml").write_text(LAKE.format(issuer=ISSUER, subject=claims["sub"]))
    audience = os.environ["LAKEGATE_TEST_OIDC_AUDIENCE"]
    config = folder / "lakegate.toml"
    config.write_text(f'[[auth.oidc]]\nissuer = "{ISSUER}"\naudience = "{audience}"\n')
    return serve([folder / "lake.yaml"], config)


def ask(server, bearer: str, sql: str = "SELECT id, v FROM lake.t.x") -> requests.Response:
    return server.request("POST", "/v1/sql", bearer, json={"sql": sql})


def test_rows_of_the_one_who_logged_in(server, access):
    answer = ask(server, access)
    assert answer.status_code == 200, answer.text
    assert answer.json()["rows"] == [["1", "a"]]
    me = server.request("GET", "/v1/whoami", access).json()
    assert me["name"] == "ana"


def test_the_age_of_the_keys_is_measured(server):
    text = requests.get(server.management + "/metrics", timeout=10).text
    [age] = re.findall(rf'^lakegate_jwks_age_seconds\{{issuer="{re.escape(ISSUER)}"\}} (\d+)$', text, re.M)
    assert int(age) < 600


def test_a_changed_token_is_refused(server, access):
    header, claims, signature = access.split(".")
    flipped = ("A" if signature[10] != "A" else "B").join([signature[:10], signature[11:]])
    for bad in [f"{header}.{claims}.{flipped}", f"{header}.{claims}.", f"{header}.{claims}", f"{header}.{claims[:-4]}.{signature}"]:
        answer = ask(server, bad)
        assert answer.status_code == 401
        assert answer.json()["code"] == "INVALID_CREDENTIAL"


def test_a_wrong_password_gives_no_token():
    assert token("wrong").status_code in (400, 401)
