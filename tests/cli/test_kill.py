"""kill -9 in the middle of a query: the record says what happened, nothing is lost, and the server is back at once."""

import signal

READY_SECONDS = 2


def test_a_killed_server_comes_back_and_says_what_was_lost(gateway, endless):
    done = gateway.submit("select 1 as n")
    gateway.wait_for(done, {"SUCCEEDED"})
    lost = gateway.submit(endless)
    gateway.wait_for(lost, {"RUNNING"})
    gateway.signal(signal.SIGKILL)
    gateway.process.child.wait()

    assert gateway.start() < READY_SECONDS
    record = gateway.find(lost)
    assert record["state"] == "FAILED"
    assert record["error"]["code"] == "SERVER_LOST" and record["error"]["retryable"]
    assert record["ended_at"] and record["usage"]["billed_bytes"] == 0
    assert {query["id"] for query in gateway.queries()} == {done, lost}
    rows = gateway.run("query", "results", done, "-o", "tsv")
    assert rows.stdout == "n\n1\n", rows.stderr
    assert gateway.run("query", "results", lost).returncode == 1
    assert gateway.run("sql", "-e", "select 2 as n", "-o", "tsv").stdout == "n\n2\n"


def test_many_kills_leave_every_record_with_an_end(gateway, endless):
    queries = []
    for _ in range(3):
        queries.append(gateway.submit(endless))
        gateway.wait_for(queries[-1], {"RUNNING"})
        gateway.signal(signal.SIGKILL)
        gateway.process.child.wait()
        assert gateway.start() < READY_SECONDS
    assert [gateway.find(query)["error"]["code"] for query in queries] == ["SERVER_LOST"] * 3
