"""Builds the tests once with all mutants in the source, and puts the source back as it was.

Mutants that do not compile are found by the compiler's errors: they are taken out and the build is tried again.
"""

import json
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mutation.listing import Mutant
from mutation.switches import SWITCH, Source, Unswitchable, blamed

ROUNDS = 12


@dataclass
class Built:
    """What came of a build: the tests by name, and the mutants that are not in it, with the reason."""

    tests: dict[str, tuple[Path, Path]] = field(default_factory=dict)
    unviable: dict[int, str] = field(default_factory=dict)
    single: dict[int, str] = field(default_factory=dict)


class Tree:
    """The source files, of which it keeps the originals until they are back in place."""

    def __init__(self, repository: Path, work: Path):
        self.repository = repository
        self.originals = work / "originals"
        self.restore()

    def restore(self) -> None:
        for kept in sorted(self.originals.rglob("*.rs")):
            shutil.copy(kept, self.repository / kept.relative_to(self.originals))
        shutil.rmtree(self.originals, ignore_errors=True)

    def text(self, file: str) -> str:
        kept = self.originals / file
        return (kept if kept.exists() else self.repository / file).read_text()

    def write(self, file: str, text: str) -> None:
        kept, place = self.originals / file, self.repository / file
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(place, kept)
        if place.read_text() != text:
            place.write_text(text)

    @contextmanager
    def changed(self):
        try:
            yield self
        finally:
            self.restore()


def cargo(tree: Tree, arguments: list[str]) -> tuple[bool, list[dict]]:
    """Runs cargo; whether it worked, and its messages."""
    command = ["cargo", *arguments, "--message-format=json"]
    print(f"$ {' '.join(command[:-1])}", flush=True)
    child = subprocess.run(command, cwd=tree.repository, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                           check=False)
    messages = [json.loads(line) for line in child.stdout.splitlines() if line.startswith("{")]
    errors = any(m["reason"] == "compiler-message" and m["message"]["level"] == "error" for m in messages)
    if child.returncode != 0 and not errors:
        sys.exit(f"cargo failed:\n{child.stderr[-4000:]}")
    return child.returncode == 0, messages


def write_all(tree: Tree, mutants: list[Mutant], built: Built) -> None:
    """Writes the mutants that are still in the build into the source."""
    by_file: dict[str, list[Mutant]] = defaultdict(list)
    for mutant in mutants:
        by_file[mutant.file].append(mutant)
    for file, those in by_file.items():
        source = Source(tree.text(file))
        for mutant in those:
            if mutant.number in built.unviable or mutant.number in built.single:
                continue
            try:
                source.add(mutant)
            except Unswitchable as reason:
                built.single[mutant.number] = str(reason)
        tree.write(file, source.written() + (SWITCH if file.endswith("/src/lib.rs") else ""))
    for file in {Path(file).parts[0] + "/src/lib.rs" for file in by_file} - set(by_file):
        tree.write(file, tree.text(file) + SWITCH)


def blame(tree: Tree, messages: list[dict], mutants: dict[int, Mutant], built: Built) -> bool:
    """Takes out the mutants that the errors point at; whether there was one."""
    before = len(built.unviable) + len(built.single)
    for message in messages:
        if message["reason"] != "compiler-message" or message["message"]["level"] != "error":
            continue
        for span in message["message"]["spans"]:
            if span["is_primary"]:
                take_out(tree, outermost(span), message["message"]["message"], mutants, built)
    return len(built.unviable) + len(built.single) > before


def outermost(span: dict) -> dict:
    while span.get("expansion"):
        span = span["expansion"]["span"]
    return span


def take_out(tree: Tree, span: dict, said: str, mutants: dict[int, Mutant], built: Built) -> None:
    place = tree.repository / span["file_name"]
    numbers = blamed(place.read_text(), span["byte_start"]) if place.is_file() else []
    if not numbers:
        file = span["file_name"]
        numbers = [number for number, mutant in mutants.items()
                   if mutant.file == file and mutant.genre == "FnValue" and "impl " in mutant.returns]
    for number in numbers:
        mutant = mutants[number]
        sure = mutant.genre == "FnValue" and "impl " not in mutant.returns
        (built.unviable if sure else built.single)[number] = said


def build(tree: Tree, mutants: list[Mutant], tests: list[str], bin_: Path) -> Built:
    """Writes, builds the tests until they compile, and keeps them in `bin_`."""
    built, known = Built(), {mutant.number: mutant for mutant in mutants}
    for _ in range(ROUNDS):
        write_all(tree, mutants, built)
        worked, messages = cargo(tree, ["test", "--no-run", *tests])
        if worked:
            built.tests = kept(messages, bin_)
            return built
        if not blame(tree, messages, known, built):
            told = [m["message"]["rendered"] for m in messages if m["reason"] == "compiler-message"
                    and m["message"]["level"] == "error"]
            sys.exit("the source with its mutants does not compile, and no mutant is to blame:\n" + "\n".join(told[:5]))
        print(f"  {len(built.unviable)} do not compile, {len(built.single)} cannot be switched", flush=True)
    sys.exit(f"after {ROUNDS} rounds the source with its mutants still does not compile")


def build_tests(tree: Tree, tests: list[str], bin_: Path) -> dict[str, tuple[Path, Path]] | None:
    """The tests of the source as it is; none if it does not compile."""
    worked, messages = cargo(tree, ["test", "--no-run", *tests])
    return kept(messages, bin_) if worked else None


def kept(messages: list[dict], bin_: Path) -> dict[str, tuple[Path, Path]]:
    """Name → (executable, folder that it runs in), each kept under a name of its own."""
    bin_.mkdir(parents=True, exist_ok=True)
    found = {}
    for message in messages:
        if message["reason"] != "compiler-artifact" or not message.get("executable"):
            continue
        if not message["profile"]["test"]:
            continue
        package = Path(message["manifest_path"]).parent
        name = f"{package.name}-{message['target']['name']}"
        place = bin_ / name
        place.unlink(missing_ok=True)
        os.link(message["executable"], place)
        found[name] = (place, package)
    return found
