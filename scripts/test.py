#!/usr/bin/env python3
"""`make test`: installs what is missing, starts real servers, runs every test, stops the servers, says how it went.

A step that fails does not stop the ones after it, unless they need it. The exit status is 0 when all of them passed.
"""

import hashlib
import os
import re
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "tests/servers"))

import cache  # noqa: E402
import run as servers  # noqa: E402

TARGET = Path(os.environ.get("CARGO_TARGET_DIR", "target"))
BINARY = (REPOSITORY / TARGET / "debug/lakegate").resolve()
# The analysis is a crate of its own, outside of the workspace.
ANALYZE = ["--manifest-path", "analyze/Cargo.toml", "--target-dir", str(TARGET / "analyze")]
ANALYZER = (REPOSITORY / TARGET / "analyze/debug/lakegate-analyze").resolve()
REQUIREMENTS = REPOSITORY / "tests/requirements.txt"
PYTHON_TESTS = ["tests/api", "tests/cli"]
# The lines in which cargo and pytest say what failed and how it went.
CLOSING = re.compile(
    r"test .* \.\.\. FAILED|(FAILED|ERROR) tests/.*|test result: .*|=+ .*(passed|failed|error|no tests ran).* in .*=+")
EMPTY = "test result: ok. 0 passed; 0 failed; 0 ignored"


class Steps:
    """Runs the steps, times them, and remembers the closing lines of the test runners."""

    def __init__(self):
        self.began = time.monotonic()
        self.rows: list[tuple[str, float, str]] = []
        self.closing: list[str] = []

    def command(self, name: str, *commands: list[str], **variables: str) -> bool:
        """Runs commands one after the other until one fails; shows their output as it comes."""
        return self.call(name, lambda: all(self.status(command, variables) == 0 for command in commands))

    def call(self, name: str, work) -> bool:
        print(f"\n=== {name}", flush=True)
        began = time.monotonic()
        result = "interrupted"
        try:
            result = "ok" if work() is not False else "FAILED"
        except (RuntimeError, OSError) as error:
            print(f"{name}: {error}", flush=True)
            result = "FAILED"
        finally:
            self.rows.append((name, time.monotonic() - began, result))
        print(f"=== {name}: {result} in {self.rows[-1][1]:.0f} s", flush=True)
        return result == "ok"

    def status(self, command: list[str], variables: dict[str, str]) -> int:
        print(f"$ {' '.join(command)}", flush=True)
        reader, writer = os.pipe()
        copy = threading.Thread(target=self.copy, args=(reader,))
        copy.start()
        try:
            return servers.command_status(command, variables, stdout=writer, stderr=writer, cwd=REPOSITORY)
        finally:
            os.close(writer)
            copy.join()

    def copy(self, reader: int) -> None:
        with open(reader, errors="replace") as lines:
            for line in lines:
                sys.stdout.write(line)
                sys.stdout.flush()
                if CLOSING.fullmatch(line.strip()) and not line.startswith(EMPTY):
                    self.closing.append(line.strip())

    def passed(self) -> bool:
        return all(result == "ok" for _, _, result in self.rows)

    def report(self) -> None:
        print("\n=== how it went")
        for line in self.closing:
            print(line)
        for name, seconds, result in self.rows:
            print(f"{name:<22}{seconds:>7.0f} s  {result}")
        minutes, seconds = divmod(round(time.monotonic() - self.began), 60)
        print(f"make test: {'passed' if self.passed() else 'FAILED'} in {minutes} min {seconds} s", flush=True)


def python_environment() -> Path:
    """The interpreter of a virtual environment with exactly the pinned packages."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]

    def build(folder: Path) -> None:
        cache.run([sys.executable, "-m", "venv", str(folder)])
        cache.run([str(folder / "bin/python"), "-m", "pip", "install", "-q", "--no-deps", "-r", str(REQUIREMENTS)])

    return cache.cached("venv", f"{version}-{digest}", build) / "bin/python"


def run_tests(steps: Steps, python: Path, variables: dict[str, str]) -> None:
    variables = {**variables, "LAKEGATE_BIN": str(BINARY), "LAKEGATE_ANALYZE": str(ANALYZER)}
    steps.command("cargo test", ["cargo", "test", "--workspace", "--no-fail-fast"], **variables)
    steps.command("analyze", ["cargo", "test", "--no-fail-fast", *ANALYZE])
    folders = [folder for folder in PYTHON_TESTS if (REPOSITORY / folder).is_dir()]
    if folders:
        # One run a folder: each has a conftest.py of its own.
        for folder in folders:
            pytest = [str(python), "-m", "pytest", "-ra", "-p", "no:cacheprovider", folder]
            steps.command(f"python {folder}", pytest, PYTHONDONTWRITEBYTECODE="1", **variables)
    steps.command("demo", ["make", "--no-print-directory", "demo", "CHECK=1"])
    steps.command("demo on PostgreSQL", ["make", "--no-print-directory", "demo", "CHECK=1", "POSTGRES=1"])


def run_all(steps: Steps) -> None:
    if not steps.command("system packages", ["tests/servers/install.sh"]):
        return
    # Downloads wait for the network most of the time: cargo builds meanwhile.
    with ThreadPoolExecutor() as pool:
        tools: list[Future] = [pool.submit(servers.fetch, list(servers.SERVERS)), pool.submit(python_environment)]
        try:
            built = steps.command(
                "build", ["cargo", "test", "--workspace", "--no-run"], ["cargo", "build", "-p", "lakegate"],
                ["cargo", "test", "--no-run", *ANALYZE])
            fetched = steps.call("servers and packages", lambda: [tool.result() for tool in tools])
        except servers.Interrupted:
            cache.abort()
            raise
    if not (built and fetched):
        return
    began = time.monotonic()
    with servers.running(list(servers.SERVERS)) as variables:
        steps.rows.append(("servers started", time.monotonic() - began, "ok"))
        run_tests(steps, tools[1].result(), variables)


def main() -> int:
    if sys.version_info < (3, 11):
        sys.exit("make test needs Python 3.11 or newer")
    steps = Steps()
    try:
        with servers.interruptible():
            run_all(steps)
    except servers.Interrupted as interrupted:
        print(f"\nmake test: ended by {interrupted}", flush=True)
        return 128 + interrupted.number
    except RuntimeError as error:  # a server that does not start
        steps.rows.append(("servers", 0, "FAILED"))
        print(f"servers: {error}", flush=True)
    steps.report()
    return 0 if steps.passed() else 1


if __name__ == "__main__":
    sys.exit(main())
