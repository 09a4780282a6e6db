"""What the outcomes say: the share of mutants that a test caught, its interval, and those that none did."""

import json
import math
import re
from collections import Counter
from pathlib import Path

from mutation.judging import Outcome
from mutation.listing import Mutant

EXPLAINED = "docs/mutants.md"
LEAST_RATE = 0.95


def wilson(hits: int, trials: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927), which also holds near 0 and 1."""
    if trials == 0:
        return 0.0, 1.0
    share = hits / trials
    middle = share + z * z / (2 * trials)
    spread = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    whole = 1 + z * z / trials
    return max(0.0, (middle - spread) / whole), min(1.0, (middle + spread) / whole)


def placeless(name: str) -> str:
    """The name of a mutant without line and column, which move."""
    return re.sub(r":\d+:\d+:", ":", name, count=1)


def lines(kept: Path) -> list[dict]:
    return [json.loads(line) for line in kept.read_text().splitlines()]


def survivors(kept: Path) -> set[str]:
    """The names of the mutants that no test caught in the run that is kept there."""
    return {line["name"] for line in lines(kept) if line["result"] == "survived"}


def settled(kept: Path, mutants: list[Mutant]) -> list[Outcome]:
    """The other outcomes of that run. The changed code must be as it was then: names hold line and column."""
    known = {mutant.name: mutant for mutant in mutants}
    if gone := [line["name"] for line in lines(kept) if line["name"] not in known]:
        raise SystemExit(f"the code has changed since {kept} was written, run the whole set: {gone[0]} is gone")
    return [Outcome(known[line["name"]], line["result"], line["by"], line["seconds"]) for line in lines(kept)
            if line["result"] != "survived"]


def report(label: str, outcomes: list[Outcome], repository: Path) -> bool:
    """Prints the rate and the survivors; whether it is good enough and every survivor is explained."""
    count = Counter(outcome.result for outcome in outcomes)
    survivors = [outcome for outcome in outcomes if outcome.result == "survived"]
    caught, viable = count["caught"] + count["timeout"], len(outcomes) - count["unviable"]
    low, high = wilson(caught, viable)
    rate = caught / viable if viable else 0.0
    page = repository / EXPLAINED
    explained = page.read_text() if page.exists() else ""
    new = [outcome for outcome in survivors if placeless(outcome.mutant.name) not in explained]
    print(f"\n{label}: {len(outcomes)} mutants, {count['unviable']} do not compile; of {viable} tests caught "
          f"{count['caught']}, {count['timeout']} ran out of time, {count['survived']} survived")
    print(f"{label}: rate {100 * rate:.1f} %, 95 % interval {100 * low:.1f} to {100 * high:.1f} % (Wilson)")
    for outcome in survivors:
        print(f"  survived{' (new)' if outcome in new else ''}: {outcome.mutant.name}")
    if new:
        print(f"{label}: {len(new)} survivors are not in {EXPLAINED}: write the test that fails with them, or explain "
              "there why nobody can tell the difference")
    return rate >= LEAST_RATE and not new
