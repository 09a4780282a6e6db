#!/usr/bin/env python3
"""Real servers for the tests: starts them on free loopback ports, runs a command, stops what it started.

    python3 tests/servers/run.py [--only postgres,s3] [--env-file FILE] -- COMMAND…
    python3 tests/servers/run.py --env-file FILE          hold the servers until Ctrl-C; `source FILE` elsewhere
    python3 tests/servers/run.py --fetch                  only download and build the tools (.tools/)

The command gets LAKEGATE_TEST_* variables and its exit status is ours. Everything else lives in a temporary folder.
"""

import argparse
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

import cache
from dynamodb import DynamoDB
from keycloak import Keycloak
from postgres import Postgres
from s3 import S3

# In the order in which they are started: the slowest first, because it starts in the background.
SERVERS = {"keycloak": Keycloak, "dynamodb": DynamoDB, "postgres": Postgres, "s3": S3}
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):
    """A signal asked us to end."""

    def __init__(self, number: int):
        super().__init__(signal.Signals(number).name)
        self.number = number


def fetch(names: list[str]) -> None:
    """Downloads and builds what is missing, side by side. Every failure is reported."""
    with ThreadPoolExecutor() as pool:
        tasks = {name: pool.submit(SERVERS[name].fetch) for name in names}
        try:
            wait(tasks.values())
        except Interrupted:
            cache.abort()
            raise
    errors = [f"{name}: {task.exception()}" for name, task in tasks.items() if task.exception()]
    if errors:
        raise RuntimeError("\n".join(errors))


@contextmanager
def running(names: list[str]):
    """The servers, from started and ready to stopped; yields the variables that describe them."""
    fetch(names)
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="lakegate-test-"))
    folder.chmod(0o711)  # PostgreSQL's user must be able to pass through
    servers = [SERVERS[name](folder) for name in SERVERS if name in names]
    try:
        for server in servers:
            server.start()
        for server in servers:
            server.wait_ready()
        print(f"servers: {', '.join(names)} ready in {time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)
        variables = {"LAKEGATE_TEST_TMP": str(folder)}
        for server in servers:
            variables |= server.environment()
        yield variables
    finally:
        with shielded():
            for server in reversed(servers):
                server.stop()
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def interruptible():
    """Turns signals into an exception, so that `finally` stops the servers."""
    def interrupt(number, _frame):
        raise Interrupted(number)
    before = {number: signal.signal(number, interrupt) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def shielded():
    """A second Ctrl-C does not disturb the cleaning up."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def command_status(command: list[str], variables: dict[str, str], **options) -> int:
    """Runs the command in a process group of its own, which ends with us, whatever happens."""
    child = subprocess.Popen(
        ["setpriv", "--pdeathsig", "TERM", "--", *command],
        env={**os.environ, **variables}, stdin=subprocess.DEVNULL, process_group=0, **options)
    try:
        status = child.wait()
        return status if status >= 0 else 128 - status
    except Interrupted as interrupted:
        with shielded():
            os.killpg(child.pid, interrupted.number)
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                pass
        raise
    finally:
        try:
            os.killpg(child.pid, signal.SIGKILL)  # whatever the command left behind
        except ProcessLookupError:
            pass
        child.wait()


def write_env_file(path: Path, variables: dict[str, str]) -> None:
    path.write_text("".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()))
    path.chmod(0o600)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(SERVERS), help="servers to start, by comma")
    parser.add_argument("--env-file", type=Path, help="write the variables here, for `source`")
    parser.add_argument("--fetch", action="store_true", help="download and build the tools, start nothing")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND")
    options = parser.parse_args()
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    names = options.only.split(",")
    for name in names:
        if name not in SERVERS:
            parser.error(f"unknown server `{name}`: choose from {', '.join(SERVERS)}")
    if not (command or options.env_file or options.fetch):
        parser.error("nothing to do: give a command, --env-file or --fetch")
    try:
        with interruptible():
            if options.fetch:
                fetch(names)
                return 0
            with running(names) as variables:
                if options.env_file:
                    write_env_file(options.env_file, variables)
                if command:
                    return command_status(command, variables)
                print(f"servers: `source {options.env_file}`; Ctrl-C stops them", file=sys.stderr, flush=True)
                signal.pause()
        return 0
    except Interrupted as interrupted:
        return 128 + interrupted.number
    except RuntimeError as error:
        print(f"servers: {error}", file=sys.stderr)
        return 1
    finally:
        if options.env_file:
            options.env_file.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
