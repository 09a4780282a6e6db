"""What a person sees while waiting, and what Ctrl-C and a closed pipe do to the query at the server."""

import signal
import subprocess

from terminal import Terminal

CTRL_C = b"\x03"


def only_query(gateway) -> dict:
    queries = gateway.queries()
    assert len(queries) == 1
    return queries[0]


def test_progress_is_drawn_and_a_result_in_a_box(gateway, binary):
    sql = "select count(*) as n from generate_series(1, 20000000) where value % 3 = 0"
    terminal = Terminal([str(binary), "sql", "-e", sql], gateway.cli_environment())
    assert terminal.wait() == 0
    assert "│ 6666666 │" in terminal.drawn
    assert "1 row · " in terminal.drawn and "query " in terminal.drawn


def test_ctrl_c_cancels_the_query_and_waits_for_its_end(gateway, binary, endless):
    terminal = Terminal([str(binary), "sql", "-e", endless], gateway.cli_environment())
    terminal.read_until("running")
    terminal.type(CTRL_C)
    assert terminal.wait() == 130
    assert "was cancelled" in terminal.drawn
    assert only_query(gateway)["state"] == "CANCELLED"


def test_a_second_ctrl_c_leaves_a_server_that_does_not_answer(gateway, binary, endless):
    terminal = Terminal([str(binary), "sql", "-e", endless], gateway.cli_environment())
    terminal.read_until("running")
    gateway.signal(signal.SIGSTOP)
    try:
        terminal.type(CTRL_C)
        terminal.read_until("press Ctrl-C again")
        terminal.type(CTRL_C)
        assert terminal.wait(10) == 130
    finally:
        gateway.signal(signal.SIGCONT)


def start(gateway, binary, sql):
    return subprocess.Popen([str(binary), "sql", "-o", "csv", "-e", sql], env=gateway.cli_environment(),
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_query(gateway) -> str:
    for _ in range(500):
        queries = gateway.queries()
        if queries and queries[0]["state"] == "RUNNING":
            return queries[0]["id"]
    raise AssertionError("the query does not run")


def test_without_a_terminal_nothing_is_drawn_and_sigint_cancels(gateway, binary, endless):
    child = start(gateway, binary, endless)
    query = wait_for_query(gateway)
    child.send_signal(signal.SIGINT)
    stdout, stderr = child.communicate(timeout=30)
    assert child.returncode == 130 and stdout == ""
    assert "\x1b" not in stderr and "running" not in stderr
    assert gateway.find(query)["state"] == "CANCELLED"


def test_a_reader_that_leaves_cancels_the_query(gateway, binary, endless):
    child = start(gateway, binary, endless)
    query = wait_for_query(gateway)
    child.stdout.close()
    child.wait(30)
    assert child.returncode == 130
    assert "nobody reads the output" in child.stderr.read()
    assert gateway.find(query)["state"] == "CANCELLED"
    child.stderr.close()
