"""`make mutants`: how it samples, what it takes for caught, and what it says of the outcomes."""

import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "scripts"))

from mutation import judging, listing, verdict  # noqa: E402


def mutant(number: int, name: str = "") -> listing.Mutant:
    name = name or f"policy/src/mask.rs:{number}:9: replace == with !="
    return listing.Mutant(number, name, "BinaryOperator", "policy/src/mask.rs", (1, 1), (1, 3), "!=", "")


def test_a_sample_is_of_its_seed_and_size():
    mutants = [mutant(number) for number in range(1, 301)]
    drawn = listing.sample(mutants, 7, 80)
    assert drawn == listing.sample(mutants, 7, 80)
    assert len({one.number for one in drawn}) == 80
    assert drawn != listing.sample(mutants, 8, 80)
    assert listing.sample(mutants, 7, 0) == mutants


@pytest.mark.parametrize(("hits", "trials", "low", "high"), [
    (0, 0, 0.0, 1.0), (10, 10, 0.722, 1.0), (95, 100, 0.888, 0.978), (0, 10, 0.0, 0.278)])
def test_the_interval_is_wilsons(hits, trials, low, high):
    assert verdict.wilson(hits, trials) == pytest.approx((low, high), abs=0.001)


def suite(folder: Path, script: str) -> judging.Suite:
    program = folder / "suite"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return judging.Suite("suite", program, folder)


@pytest.mark.parametrize(("script", "expected"), [
    ("exit 0", ("passed", "")),
    ("echo 'test a::b ... FAILED'; sleep 60", ("caught", "a::b")),
    ("exit 101", ("caught", "status 101")),
    ("sleep 60", ("timeout", "suite")),
    ('[ "$LAKEGATE_MUTANT" = 17 ] && exit 101', ("caught", "status 101")),
])
def test_a_suite_is_judged_by_its_first_failure(tmp_path, script, expected):
    assert judging.run(suite(tmp_path, script), 17, 2) == expected


def test_a_survivor_must_be_explained(tmp_path, capsys):
    (tmp_path / "docs").mkdir()
    page = tmp_path / verdict.EXPLAINED
    page.write_text("nothing yet")
    caught = [judging.Outcome(mutant(number), "caught", "t", 0) for number in range(1, 31)]
    survivor = judging.Outcome(mutant(99), "survived", "", 0)
    gone = judging.Outcome(mutant(100), "unviable", "", 0)
    assert not verdict.report("x", [*caught, survivor, gone], tmp_path)
    assert "of 31 tests caught" in (said := capsys.readouterr().out) and "96.8 %" in said
    page.write_text("policy/src/mask.rs: replace == with !=")
    assert verdict.report("x", [*caught, survivor], tmp_path)
    assert not verdict.report("x", [*caught[:10], survivor], tmp_path), "a rate of 91 %"
