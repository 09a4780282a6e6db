"""Which mutants there are: what `cargo mutants --list` names, and a seeded sample of it."""

import json
import random
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

VERSION = "27.1.0"
REMEDY = f"install it with `cargo install cargo-mutants --version {VERSION} --locked`"


@dataclass(frozen=True)
class Mutant:
    """One change of the source. Lines and columns count from 1, columns in characters; the end is exclusive."""

    number: int
    name: str
    genre: str
    file: str
    start: tuple[int, int]
    end: tuple[int, int]
    replacement: str
    returns: str


def listed(repository: Path, globs: list[str], first: int) -> list[Mutant]:
    """All mutants in the files of the globs, in the order of the source, numbered from `first`."""
    tool = shutil.which("cargo-mutants")
    if tool is None:
        sys.exit(f"cargo-mutants is missing: {REMEDY}")
    command = [tool, "mutants", "--list", "--json", "--workspace", "--dir", str(repository)]
    for glob in globs:
        command += ["--file", glob]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if answer.returncode != 0:
        sys.exit(f"cargo-mutants could not list the mutants (tested with {VERSION}: {REMEDY})")
    mutants = [read(number, entry) for number, entry in enumerate(json.loads(answer.stdout), start=first)]
    if not mutants:
        sys.exit(f"no mutants in {' '.join(globs)}: do the files still have these names?")
    return mutants


def read(number: int, entry: dict) -> Mutant:
    start, end = entry["span"]["start"], entry["span"]["end"]
    function = entry.get("function") or {}
    return Mutant(number, entry["name"], entry["genre"], entry["file"], (start["line"], start["column"]),
                  (end["line"], end["column"]), entry["replacement"], function.get("return_type", ""))


def sample(mutants: list[Mutant], seed: int, size: int) -> list[Mutant]:
    """`size` of them (0: all), drawn without replacement; the same for the same seed and source."""
    if size == 0 or size >= len(mutants):
        return mutants
    chosen = random.Random(seed).sample(mutants, size)
    return sorted(chosen, key=lambda mutant: mutant.number)
