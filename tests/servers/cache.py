"""Where downloaded and built tools are kept: one folder per name and version, made once, complete or absent."""

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from pins import TOOLS


def cached(name: str, version: str, make: Callable[[Path], None]) -> Path:
    """Returns the folder of this version; `make(folder)` fills it first when it is not there yet.

    Two runs at the same time wait for each other; a broken make leaves nothing behind.
    """
    folder = TOOLS / f"{name}-{version}"
    if folder.is_dir():
        return folder
    TOOLS.mkdir(exist_ok=True)
    with open(TOOLS / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.is_dir():
            return folder
        print(f"servers: getting {name} {version} (once)", file=sys.stderr, flush=True)
        partial = folder.with_name(folder.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        make(partial)
        partial.rename(folder)
    return folder


ACTIVE: set[subprocess.Popen] = set()


def run(command: list[str], **options) -> None:
    """Runs a tool quietly; shows all of its output when it fails."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             text=True, errors="replace", start_new_session=True, **options)
    ACTIVE.add(child)
    try:
        output, _ = child.communicate()
    finally:
        ACTIVE.discard(child)
    if child.returncode != 0:
        raise RuntimeError(f"`{' '.join(command)}` failed with status {child.returncode}:\n{output.strip()}")


def abort() -> None:
    """Ends the tools that are running now: their callers get an error."""
    for child in list(ACTIVE):
        try:
            os.killpg(child.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass


def require(command: str, remedy: str) -> str:
    """The path of a program, or a clear message."""
    found = shutil.which(command)
    if found is None:
        raise RuntimeError(f"`{command}` is missing: {remedy}")
    return found


def check_sha256(file: Path, expected: str) -> None:
    with open(file, "rb") as handle:
        actual = hashlib.file_digest(handle, "sha256").hexdigest()
    if actual != expected:
        raise RuntimeError(f"{file.name}: sha256 is {actual}, pins.toml says {expected}")
