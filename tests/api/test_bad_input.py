"""Is every bad input a clear error with a stable code, after which the server goes on? (issue 3, the last "Must show")"""

import base64
import json
import time

import pytest

from conftest import key_of

LAKE = """
lake: bad
connections:
  files: {connector: files, options: {root: "./files"}}
  down: {connector: postgres, options: {host: 127.0.0.1, port: 1, database: crm, tls: disable},
         credential: {user: "env://PG_USER", password: "env://PG_PASSWORD"}}
catalogs:
  lake: {connection: files, default: true}
  down: {connection: down, discover: true}
databases:
  lake.t: {location: "t/"}
tables:
  lake.t.good: {format: csv, location: "good/", columns: [{name: id, type: bigint}, {name: v, type: varchar}]}
  lake.t.broken: {format: parquet, location: "broken/", columns: [{name: id, type: bigint}]}
users:
  ana: {}
  max: {}
keys:
  ana: {user: ana, secret: "env://ANA"}
  old: {user: ana, secret: "env://OLD", expires: "2020-01-01T00:00:00Z"}
  max: {user: max, secret: "env://MAX"}
grants:
  - {to: "user:ana", privileges: [describe, select], resource: "catalog:lake"}
  - {to: "user:ana", privileges: [describe, select], resource: "catalog:down"}
"""


@pytest.fixture(scope="module")
def server(serve, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lake")
    (folder / "lake.yaml").write_text(LAKE)
    for name, text in [("good/a.csv", b"id,v\n1,a\n2,CANARY\n"), ("broken/a.parquet", b"PAR1\xff\xff\xff\x7f\x00\x00\x00PAR1")]:
        file = folder / "files/t" / name
        file.parent.mkdir(parents=True)
        file.write_bytes(text)
    return serve([folder / "lake.yaml"], ANA=key_of("ana"), OLD=key_of("old"), MAX=key_of("max"), PG_USER="u", PG_PASSWORD="p")


@pytest.fixture(autouse=True)
def goes_on(server):
    """Whatever was sent: the next question is answered."""
    yield
    server.assert_alive()
    assert server.sql("ana", "SELECT id FROM lake.t.good ORDER BY id").rows == [["1"], ["2"]]


def plus(operator: str, terms: int) -> str:
    return operator.join(["1"] * terms)


BAD = [
    # what, SQL, status, code
    ("syntax", "SELECT id\nFROM lake.t.good WHERE (id", 400, "SYNTAX_ERROR"),
    ("word", "SELEC 1", 400, "SYNTAX_ERROR"),
    ("quote", "SELECT 'abc", 400, "SYNTAX_ERROR"),
    ("empty", "   ", 400, "SYNTAX_ERROR"),
    ("table", "SELECT * FROM lake.t.goot", 404, "TABLE_NOT_FOUND"),
    ("catalog", "SELECT * FROM laka.t.good", 404, "TABLE_NOT_FOUND"),
    ("column", "SELECT vv FROM lake.t.good", 400, "COLUMN_NOT_FOUND"),
    ("function", "SELECT summ(id) FROM lake.t.good", 400, "FUNCTION_NOT_FOUND"),
    ("type", "SELECT v AND true FROM lake.t.good", 400, "TYPE_MISMATCH"),
    ("cast", "SELECT CAST(v AS bigint) FROM lake.t.good", 400, "INVALID_CAST_ARGUMENT"),
    ("division", "SELECT 1 / (id - id) FROM lake.t.good", 400, "DIVISION_BY_ZERO"),
    ("change", "DROP TABLE lake.t.good", 400, "NOT_SUPPORTED"),
    ("two", "SELECT 1; SELECT 2", 400, "NOT_SUPPORTED"),
    ("large", "SELECT '" + "x" * 262_200 + "'", 422, "QUERY_TEXT_TOO_LARGE"),
    ("sum of 10,000", "SELECT " + plus("+", 10_000), 422, "QUERY_TOO_COMPLEX"),
    ("text of 10,000", "SELECT " + plus("||", 10_000), 422, "QUERY_TOO_COMPLEX"),
    ("OR of 10,000", "SELECT 1 WHERE " + " OR ".join(f"1={number}" for number in range(10_000)), 422, "QUERY_TOO_COMPLEX"),
    ("AND of 10,000", "SELECT 1 WHERE " + " AND ".join(["1=1"] * 10_000), 422, "QUERY_TOO_COMPLEX"),
    ("nested", "SELECT " + "(" * 10_000 + "1" + ")" * 10_000, 422, "QUERY_TOO_COMPLEX"),
    # The parser gives up before it counts: refused, though not for the reason that it is.
    ("negations", "SELECT " + "NOT " * 10_000 + "true", 422, "QUERY_TOO_COMPLEX"),
    ("minuses", "SELECT " + "- " * 10_000 + "1", 422, "QUERY_TOO_COMPLEX"),
    ("cases", "SELECT " + "CASE WHEN true THEN " * 5_000 + "1" + " END" * 5_000, 422, "QUERY_TOO_COMPLEX"),
    ("list of 60,000", "SELECT 1 WHERE 1 IN (" + ",".join(["1"] * 60_000) + ")", 422, "QUERY_TOO_COMPLEX"),
    ("unions", " UNION ALL ".join(["SELECT 1"] * 600), 422, "QUERY_TOO_COMPLEX"),
    ("joins", "SELECT 1 FROM " + ", ".join(f"lake.t.good t{number}" for number in range(200)), 422, "QUERY_TOO_COMPLEX"),
    ("file", "SELECT id FROM lake.t.broken", 502, "CORRUPT_FILE"),
    ("source", "SELECT * FROM down.public.t", 502, "SOURCE_UNAVAILABLE"),
]


@pytest.mark.parametrize(("what", "sql", "status", "code"), BAD,
                         ids=lambda value: value if isinstance(value, str) and len(value) < 20 else "")
def test_statements(server, what, sql, status, code):
    began = time.monotonic()
    answer = server.sql("ana", sql)
    assert (answer.code, answer.status) == (code, status), (what, answer.body)
    assert time.monotonic() - began < 20
    text = json.dumps(answer.body)
    for secret in ["CANARY", str(server.folder), "/tmp", "a.parquet", "a.csv", "good`?", "Did you mean", "Valid fields", "panick"]:
        assert secret not in text, text
    assert answer.body["request_id"]


def test_a_syntax_error_has_line_and_column(server):
    answer = server.sql("ana", "SELECT id,\n       FROMM x y z (")
    assert answer.code == "SYNTAX_ERROR"
    assert answer.body["location"]["line"] == 2
    assert answer.body["location"]["column"] > 1


def test_unknown_names_have_no_candidates(server):
    for sql in ["SELECT idd FROM lake.t.good", "SELECT * FROM lake.t.god", "SELECT good.w FROM lake.t.good"]:
        message = server.sql("ana", sql).body["message"]
        assert message.endswith("does not exist"), message
        assert "`v`" not in message and "good" not in message.replace("good.w", ""), message


def test_an_unreachable_source_is_told_to_those_who_may_know_it(server):
    assert server.sql("max", "SELECT * FROM down.public.t").code == "TABLE_NOT_FOUND"


def jwt(claims: dict, header: dict) -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (header, claims)]
    return ".".join([*parts, "c2lnbmF0dXJl"])


@pytest.mark.parametrize("token", [
    None,
    "",
    "nonsense",
    key_of("nobody"),
    key_of("old"),
    key_of("ana") + "x",
    key_of("ana")[:-1],
    "a.b.c",
    jwt({"sub": "ana", "exp": 1}, {"alg": "none"}),
    jwt({"sub": "ana", "exp": 9_999_999_999, "iss": "https://id.example"}, {"alg": "HS256", "kid": "../../etc/passwd"}),
    "x" * 20_000,
])
def test_credentials(server, token):
    answers = [server.request("POST", "/v1/sql", token, json={"sql": "SELECT 1"}), server.request("GET", "/v1/whoami", token)]
    for answer in answers:
        assert answer.status_code == 401, answer.text
        assert answer.json()["code"] == "INVALID_CREDENTIAL"
        assert "WWW-Authenticate" in answer.headers


@pytest.mark.parametrize(("body", "content_type"), [
    ("{", "application/json"),
    ("[]", "application/json"),
    ('{"sql": 1}', "application/json"),
    ('{"sql": "SELECT 1", "unknown": 1}', "application/json"),
    ('{"sql": "SELECT 1"}', "text/plain"),
    ('{"sql": "SELECT 1", "limits": {"rows": -1}}', "application/json"),
    ("[" * 100_000, "application/json"),
])
def test_bodies(server, body, content_type):
    answer = server.request("POST", "/v1/sql", key_of("ana"), data=body, headers={"Content-Type": content_type})
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["code"] and answer.json()["request_id"]


def test_a_huge_body_is_refused(server):
    answer = server.request("POST", "/v1/sql", key_of("ana"), data=b'{"sql": "' + b"x" * 20_000_000 + b'"}',
                            headers={"Content-Type": "application/json"})
    assert 400 <= answer.status_code < 500


def test_a_limit_on_rows(server):
    answer = server.sql("ana", "SELECT id FROM lake.t.good", limits={"rows": 1})
    assert (answer.status, answer.code) == (422, "EXCEEDED_RESULT_LIMIT")


def test_a_limit_on_time(server):
    answer = server.sql("ana", "SELECT sum(value % 7) FROM generate_series(1, 1000000000000)", limits={"timeout_ms": 300})
    assert (answer.status, answer.code) == (422, "EXCEEDED_TIME_LIMIT")


def test_a_limit_on_the_time_of_a_cross_join(server):
    digits = "(VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9))"
    tables, sums = zip(*((f"{digits} t{number}(x)", f"t{number}.x") for number in range(10)))
    answer = server.sql("ana", f"SELECT count(*) FROM {', '.join(tables)} WHERE {' * '.join(sums)} % 7 = 3",
                        limits={"timeout_ms": 300})
    assert (answer.status, answer.code) == (422, "EXCEEDED_TIME_LIMIT")


def test_the_log_holds_no_secret_and_the_error_no_log(server):
    server.sql("ana", "SELECT * FROM down.public.t")
    log = server.log.read_text()
    for person in ["ana", "old", "max"]:
        assert key_of(person) not in log
