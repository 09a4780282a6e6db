#!/usr/bin/env python3
"""`make mutants`: changes the code that decides and governs in many small ways, and says which changes no test notices.

`cargo mutants` names the changes. They are written into the source behind switches, built once, and switched on one by
one: a build of the query engine for each would take days. While it builds, the working tree is changed; it is put back
at the end, and at the next start if the run was killed. Results are kept in target/mutants/SET.jsonl.
"""

import argparse
import json
import os
import signal
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent
REPOSITORY = SCRIPTS.parent
sys.path[:0] = [str(SCRIPTS), str(REPOSITORY / "tests/servers")]

WORK = REPOSITORY / "target/mutants"
REQUIREMENTS = SCRIPTS / "mutation/requirements.txt"
# The policies' crate is small: built with optimisation, each of a thousand runs of its tests takes a tenth.
FAST = ["--config", "profile.dev.opt-level=1", "--config", "profile.dev.incremental=false",
        "--config", "profile.dev.package.\"*\".opt-level=2", "-p", "lakegate-policy"]
POLICY_TESTS = ["policy-lakegate_policy", "policy-sample", "policy-cases", "policy-conditions", "policy-properties"]
# Of these two packages cargo selects the features that the workspace has, and builds no other package's unit tests. What is
# tested is built quickly, what it stands on runs quickly.
PLAIN = [option for crate in ("lakegate", "lakegate-catalog", "lakegate-connectors", "lakegate-policy", "lakegate-query",
                              "lakegate-tests")
         for option in ("--config", f"profile.fuzz.package.{crate}.opt-level=0")]
WHOLE = ["--profile", "fuzz", *PLAIN, "-p", "lakegate-query", "-p", "lakegate-tests", "--lib", "--test", "governance",
         "--test", "system"]
# Name → files, what cargo builds, and the tests (executable and filters) from the likely and quick to the slow.
SETS = {
    "audit": (["catalog/src/audit.rs", "catalog/src/audit/**", "catalog/src/store/{audit,checkpoint,verify}{.rs,/**}"],
              ["--profile", "fuzz", "-p", "lakegate-catalog"], ["catalog-lakegate_catalog", "catalog-store sqlite::"]),
    "decisions": (["policy/src/{decision,authorizer,condition,filter,mask}{.rs,/**}"], FAST, POLICY_TESTS),
    "gains": (["query/src/gains.rs", "query/src/gains/**", "gateway/src/lake/gains.rs"],
              [*WHOLE, "-p", "lakegate", "--test", "lake"],
              ["query-lakegate_query gains::", "gateway-lake gains:: views:: rollback:: ownership::", "gateway-lake"]),
    "govern": (["query/src/govern.rs", "query/src/govern/**"], WHOLE,
               ["query-lakegate_query govern::", "query-governance --skip rules::", "query-governance rules::",
                "query-lakegate_query --skip govern::", "tests-system"]),
    "guard": (["query/src/guard.rs", "query/src/guard/**"], WHOLE,
              ["query-lakegate_query guard::", "tests-system guards", "query-governance --skip rules::", "tests-system"]),
    "masks": (["query/src/functions/mask.rs", "query/src/functions/mask/**"], WHOLE,
              ["query-lakegate_query mask", "query-governance --skip rules::", "tests-system masks"]),
    "policy": (["policy/src/**"], FAST, POLICY_TESTS),
    "views": (["query/src/views.rs", "query/src/views/**"], WHOLE,
              ["query-lakegate_query views::", "tests-system views", "query-governance --skip rules::",
               "tests-system --skip views"]),
}


def interpreter() -> Path:
    """A virtual environment with the parser for Rust."""
    import hashlib

    import cache

    def build(folder: Path) -> None:
        cache.run([sys.executable, "-m", "venv", str(folder)])
        cache.run([str(folder / "bin/python"), "-m", "pip", "install", "-q", "--no-deps", "-r", str(REQUIREMENTS)])

    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    return cache.cached("mutants", f"{version}-{digest}", build) / "bin/python"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", choices=sorted(SETS), help="which code is changed")
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    parser.add_argument("--n", type=int, default=150, help="size of the sample of each set; 0: every mutant")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="mutants judged at the same time")
    parser.add_argument("--only", default="", help="only mutants whose name contains this")
    parser.add_argument("--again", action="store_true",
                        help="judge what survived the last run of the set; the others keep their outcome")
    return parser.parse_args()


@dataclass
class Chosen:
    """What is to be judged of one set, and what of its last run stands."""

    name: str
    mutants: list
    settled: list


def choose(name: str, wanted: argparse.Namespace, first: int) -> Chosen:
    """The mutants of a set, numbered from `first`."""
    from mutation import listing, verdict

    mutants = [mutant for mutant in listing.listed(REPOSITORY, SETS[name][0], first) if wanted.only in mutant.name]
    if wanted.again:
        kept = WORK / f"{name}.jsonl"
        left = verdict.survivors(kept)
        chosen = Chosen(name, [mutant for mutant in mutants if mutant.name in left], verdict.settled(kept, mutants))
    else:
        chosen = Chosen(name, listing.sample(mutants, wanted.seed, wanted.n), [])
    print(f"{name}: {len(chosen.mutants)} of {len(mutants)} mutants, seed {wanted.seed}", flush=True)
    return chosen


def run_sets(names: list[str], wanted: argparse.Namespace) -> bool:
    """Judges sets that are built alike: one build serves all of them."""
    from mutation import building

    build, sets, first = SETS[names[0]][1], [], 1
    for name in names:
        sets.append(choose(name, wanted, first))
        first = max([first, *(mutant.number + 1 for mutant in sets[-1].mutants)])
    tree = building.Tree(REPOSITORY, WORK)
    with tree.changed():
        built = building.build(tree, [mutant for chosen in sets for mutant in chosen.mutants], build, WORK / "bin")
    return all([judge(tree, chosen, built, wanted) for chosen in sets])


def judge(tree, chosen: Chosen, built, wanted: argparse.Namespace) -> bool:
    from mutation import judging, singly, verdict

    _, build, order = SETS[chosen.name]
    suites = judging.timed([judging.Suite(name, *built.tests[name], tuple(filters))
                            for name, *filters in map(str.split, order)])
    with open(WORK / f"{chosen.name}.jsonl", "w") as file:
        told = teller(file, len(chosen.mutants) + len(chosen.settled))
        outcomes = chosen.settled + [judging.Outcome(m, "unviable", built.unviable[m.number], 0)
                                     for m in chosen.mutants if m.number in built.unviable]
        for outcome in outcomes:
            told(outcome)
        left = [mutant for mutant in chosen.mutants if mutant.number not in built.unviable]
        outcomes += judging.judge_all([m for m in left if m.number not in built.single], suites, wanted.jobs, told)
        for mutant in left:
            if mutant.number in built.single:
                outcomes.append(singly.judge(tree, mutant, build, suites, WORK / "bin"))
                told(outcomes[-1])
    return verdict.report(f"{chosen.name} (seed {wanted.seed})", outcomes, REPOSITORY)


def teller(file, total: int):
    """Writes each outcome down, and says the survivors and how far it is."""
    lock, count = threading.Lock(), [0]

    def told(outcome) -> None:
        line = {"name": outcome.mutant.name, "result": outcome.result, "by": outcome.by,
                "seconds": round(outcome.seconds, 1)}
        with lock:
            count[0] += 1
            file.write(json.dumps(line) + "\n")
            file.flush()
            if outcome.result in ("survived", "timeout") or count[0] % 50 == 0:
                print(f"  {count[0]}/{total} {outcome.result}: {outcome.mutant.name}", flush=True)

    return told


def main() -> int:
    try:
        import tree_sitter_rust  # noqa: F401
    except ImportError:
        os.execv(python := str(interpreter()), [python, *sys.argv])
    wanted = arguments()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    alike: dict[tuple, list[str]] = {}
    for name in wanted.sets:
        alike.setdefault(tuple(SETS[name][1]), []).append(name)
    good = [run_sets(names, wanted) for names in alike.values()]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
