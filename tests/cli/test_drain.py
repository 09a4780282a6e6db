"""SIGTERM: not ready at once, no new work, running queries end or are told why not, exit 0."""

import signal
import time

import pytest


def rows_for(gateway, seconds: float) -> str:
    """A statement that takes about so long here."""
    def sql(count: int) -> str:
        return f"select sum(value % 7) as n from generate_series(1, {count})"

    count = 1_000_000
    while True:
        began = time.monotonic()
        gateway.wait_for(gateway.submit(sql(count)), {"SUCCEEDED"})
        elapsed = time.monotonic() - began
        if elapsed > 0.5:
            return sql(int(count * seconds / elapsed))
        count *= 4


def ended(gateway) -> int:
    return gateway.process.child.wait(60)


def wait_until(condition, seconds: float) -> float:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds
        time.sleep(0.005)
    return time.monotonic() - began


def test_a_running_query_ends_before_the_server_does(gateway):
    query = gateway.submit(rows_for(gateway, 3))
    gateway.wait_for(query, {"RUNNING"})
    gateway.signal(signal.SIGTERM)
    wait_until(lambda: gateway.probe("/readyz") == 503, 0.5)
    assert gateway.probe("/livez") == 200
    assert ended(gateway) == 0
    assert not gateway.ready_file.exists()
    gateway.start()
    assert gateway.find(query)["state"] == "SUCCEEDED"
    assert gateway.run("query", "results", query, "-o", "tsv").returncode == 0


def test_what_does_not_end_in_time_is_told_why(gateway, endless):
    gateway.process.stop()
    gateway.settings["LAKEGATE__DRAIN__TIMEOUT_SECONDS"] = "1"
    gateway.start()
    query = gateway.submit(endless)
    gateway.wait_for(query, {"RUNNING"})
    gateway.signal(signal.SIGTERM)
    assert ended(gateway) == 0
    gateway.start()
    record = gateway.find(query)
    assert record["state"] in {"FAILED", "CANCELLED"}
    assert record["error"]["code"] == "SERVER_DRAINING" and record["error"]["retryable"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_server_leaves_at_once(gateway, number):
    began = time.monotonic()
    gateway.signal(number)
    assert ended(gateway) == 0
    assert time.monotonic() - began < 5


def test_a_second_signal_does_not_wait(gateway, endless):
    query = gateway.submit(endless)
    gateway.wait_for(query, {"RUNNING"})
    gateway.signal(signal.SIGTERM)
    wait_until(lambda: gateway.probe("/readyz") == 503, 0.5)
    gateway.signal(signal.SIGTERM)
    began = time.monotonic()
    assert ended(gateway) == 0
    assert time.monotonic() - began < 20
