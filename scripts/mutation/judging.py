"""Runs the tests against one mutant after the other, until a test fails."""

import os
import re
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from mutation.listing import Mutant

FAILED = re.compile(rb"^test (\S+) .*\.\.\. FAILED", re.M)
# A mutant may make a test slower without being wrong: only what takes this many times as long has lost its way.
PATIENCE = 8
LEAST_SECONDS = 60


@dataclass(frozen=True)
class Suite:
    """One test executable: where it runs, with which filters, and how long it takes without a mutant."""

    name: str
    executable: Path
    folder: Path
    filters: tuple[str, ...] = ()
    seconds: float = 0


@dataclass(frozen=True)
class Outcome:
    """`caught`, `timeout` or `survived`; of a caught one the suite and the test that failed."""

    mutant: Mutant
    result: str
    by: str
    seconds: float


def run(suite: Suite, number: int | None, limit: float) -> tuple[str, str]:
    """One suite with one mutant: (passed | caught | timeout, the test that failed)."""
    variables = {**os.environ, "CARGO_MANIFEST_DIR": str(suite.folder), "RUST_BACKTRACE": "0"}
    if number is not None:
        variables["LAKEGATE_MUTANT"] = str(number)
    child = subprocess.Popen([suite.executable, *suite.filters], cwd=suite.folder, env=variables,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                             start_new_session=True)
    late = threading.Event()

    def stop() -> None:
        late.set()
        end(child)

    clock = threading.Timer(limit, stop)
    clock.start()
    try:
        for line in child.stdout:
            failed = FAILED.match(line)
            if failed:
                return "caught", failed[1].decode()
        status = child.wait()
    finally:
        clock.cancel()
        end(child)
    if late.is_set():
        return "timeout", suite.name
    return ("passed", "") if status == 0 else ("caught", f"status {status}")


def end(child: subprocess.Popen) -> None:
    """Ends the test and whatever it started."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    child.wait()


def timed(suites: list[Suite]) -> list[Suite]:
    """The suites with the time they take; all must pass while no mutant is on."""
    known = []
    for suite in suites:
        began = time.monotonic()
        result, test = run(suite, None, 3600)
        if result != "passed":
            raise SystemExit(f"{suite.name} fails without a mutant: {test}")
        known.append(replace(suite, seconds=time.monotonic() - began))
        print(f"  {suite.name}: {known[-1].seconds:.0f} s without a mutant", flush=True)
    return known


def likely(mutant: Mutant, suites: list[Suite]) -> list[Suite]:
    """The unit tests of the module that the mutant is in, then those of the module above."""
    package, _, *folders = Path(mutant.file).with_suffix("").parts
    filters = ["::".join(folders) + "::"] + (["::".join(folders[:-1]) + "::"] if len(folders) > 1 else [])
    unit = [suite for suite in suites if suite.name == f"{package}-lakegate_{package}"][:1]
    return [replace(suite, filters=(wanted,)) for suite in unit for wanted in filters]


def judge(mutant: Mutant, suites: list[Suite]) -> Outcome:
    began = time.monotonic()
    for suite in likely(mutant, suites) + suites:
        limit = max(LEAST_SECONDS, PATIENCE * suite.seconds)
        result, test = run(suite, mutant.number, limit)
        if result != "passed":
            return Outcome(mutant, result, f"{suite.name} {test}", time.monotonic() - began)
    return Outcome(mutant, "survived", "", time.monotonic() - began)


def judge_all(mutants: list[Mutant], suites: list[Suite], jobs: int, told) -> list[Outcome]:
    """All of them, several at a time; `told` hears of each outcome as it comes."""

    def one(mutant: Mutant) -> Outcome:
        outcome = judge(mutant, suites)
        told(outcome)
        return outcome

    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(one, mutants))
