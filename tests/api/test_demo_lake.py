"""Do the four people of the demo lake get their rows over REST, and is hidden the same as missing to the byte?"""

import json

import pytest

from conftest import REPOSITORY, key_of

PEOPLE = ["jfk-analyst", "carrier-analyst", "steward", "auditor"]
DEMO = REPOSITORY / "demo"
KEYS = {"jfk-analyst": "JFK", "carrier-analyst": "CARRIER", "steward": "STEWARD", "auditor": "AUDITOR"}
ASKED = ["01_what_do_i_see.sql", "04_cards.sql", "05_star.sql", "06_guess_the_card.sql"]


@pytest.fixture(scope="module")
def server(serve):
    keys = {f"LAKEGATE_DEMO_{name}_KEY": key_of(person) for person, name in KEYS.items()}
    return serve([DEMO / "lake", DEMO / "relational/sqlite.yaml"], **keys)


EXPECTED = [case for case in json.loads((DEMO / "expected.json").read_text()) if case["query"] in ASKED]


@pytest.mark.parametrize("case", EXPECTED, ids=[f"{case['principal']} {case['query']}" for case in EXPECTED])
def test_each_gets_their_rows(server, case):
    answer = server.sql(case["principal"], (DEMO / "queries" / case["query"]).read_text())
    if "error" in case:
        assert answer.code == case["error"]
    else:
        assert answer.columns == case["columns"]
        assert answer.rows == case["rows"]


@pytest.mark.parametrize(("person", "hidden", "missing"), [
    ("auditor", "flights", "flightz"),
    ("auditor", "weather", "weathex"),
    ("auditor", "lake.nyc.flights", "lake.nyc.flightz"),
    ("auditor", "crm.main.passengers", "crm.main.passengerz"),
    ("auditor", "crm.main.planes", "crn.main.planes"),
])
def test_a_hidden_table_is_a_missing_table(server, person, hidden, missing):
    for text in ["SELECT * FROM {}", "SELECT x FROM {} WHERE y = 1", "EXPLAIN SELECT 1 FROM {}", "DESCRIBE {}"]:
        one = server.sql(person, text.format(hidden), catalog="lake", database="nyc").fingerprint(hidden.split(".")[-1])
        other = server.sql(person, text.format(missing), catalog="lake", database="nyc").fingerprint(missing.split(".")[-1])
        assert one[0] == other[0] == 404
        assert one[1] == other[1]
        assert one[2].replace("crm.", "crn.") == other[2].replace("crm.", "crn."), text


def test_a_hidden_column_is_a_missing_column(server):
    for text in ["SELECT {} FROM crm.main.passengers", "SELECT id FROM crm.main.passengers WHERE {} LIKE '4%'",
                 "SELECT id FROM crm.main.passengers ORDER BY {}"]:
        one = server.sql("carrier-analyst", text.format("card")).fingerprint("card")
        other = server.sql("carrier-analyst", text.format("cart")).fingerprint("cart")
        assert one == other
        assert one[0] == 400


def test_metadata_over_rest_hides_alike(server):
    for person in PEOPLE:
        token = key_of(person)
        for hidden, missing in [("crm/databases/main/tables/passengers", "crm/databases/main/tables/passengerz"),
                                ("lake/databases/nyc/tables/flights", "lake/databases/nyc/tables/flightz")]:
            one = server.request("GET", f"/v1/catalogs/{hidden}", token)
            other = server.request("GET", f"/v1/catalogs/{missing}", token)
            assert other.status_code == 404
            assert one.status_code == (404 if person == "auditor" else 200), (person, hidden)
            if one.status_code == 404:
                texts = [answer.json()["message"].replace("passengers", "passengerz").replace("flights", "flightz")
                         for answer in (one, other)]
                assert texts[0] == texts[1]


def test_figures(server):
    sql = "SELECT count(*) FROM lake.nyc.flights"
    restricted = server.usage("jfk-analyst", server.sql("jfk-analyst", sql))
    assert restricted["scanned_bytes"] % 1_048_576 == 0 and restricted["scanned_bytes"] > 0
    for counter in ("fetched_bytes", "requests", "connector_bytes", "peak_memory_bytes"):
        assert restricted.get(counter) is None, restricted
    steward = server.usage("steward", server.sql("steward", sql))
    assert steward["scanned_bytes"] % 1_048_576 != 0


def test_only_the_auditor_reads_the_audit(server):
    answer = server.request("GET", "/v1/audit-events?limit=5", key_of("auditor"))
    assert answer.status_code == 200 and answer.json()["items"]
    for person in ["jfk-analyst", "carrier-analyst", "steward"]:
        answer = server.request("GET", "/v1/audit-events?limit=5", key_of(person))
        assert answer.status_code in (403, 404), person


def test_who_am_i(server):
    for person in PEOPLE:
        answer = server.request("GET", "/v1/whoami", key_of(person))
        assert answer.status_code == 200
        assert answer.json()["name"] == person
