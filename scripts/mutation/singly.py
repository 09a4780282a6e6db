"""Judges a mutant that cannot be switched on: it is written into the source as it is, built and tested alone."""

import time
from dataclasses import replace
from pathlib import Path

from mutation import building, judging
from mutation.listing import Mutant


def judge(tree: building.Tree, mutant: Mutant, build: list[str], suites: list[judging.Suite],
          bin_: Path) -> judging.Outcome:
    began = time.monotonic()
    with tree.changed():
        tree.write(mutant.file, changed(tree.text(mutant.file), mutant))
        tests = building.build_tests(tree, build, bin_ / "single")
    if tests is None:
        return judging.Outcome(mutant, "unviable", "", time.monotonic() - began)
    alone = [replace(suite, executable=tests[suite.name][0]) for suite in suites]
    return judging.judge(mutant, alone)


def changed(text: str, mutant: Mutant) -> str:
    lines = text.splitlines(keepends=True)
    start, end = (sum(map(len, lines[:line - 1])) + column - 1 for line, column in (mutant.start, mutant.end))
    if mutant.genre == "StructField" and text[end:end + 1] == ",":
        end += 1
    return text[:start] + mutant.replacement + text[end:]
