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
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent
REPOSITORY = SCRIPTS.parent
sys.path[:0] = [str(SCRIPTS), str(REPOSITORY / "tests/servers")]

REQUIREMENTS = SCRIPTS / "mutation/requirements.txt"
# The policies' crate is small: built with optimisation, each of a thousand runs of its tests takes a tenth.
FAST = ["--config", "profile.dev.opt-level=1", "--config", "profile.dev.incremental=false",
        "--config", "profile.dev.package.\"*\".opt-level=2", "-p", "lakegate-policy"]
POLICY_TESTS = ["policy-lakegate_policy", "policy-sample", "policy-cases", "policy-conditions", "policy-properties"]
# Name → files, what cargo builds, and the tests from the likely and quick to the slow.
SETS = {
    "decisions": (["policy/src/{decision,authorizer,condition,filter,mask}{.rs,/**}"], FAST, POLICY_TESTS),
    "policy": (["policy/src/**"], FAST, POLICY_TESTS),
    "govern": (["query/src/govern.rs", "query/src/govern/**"],
               ["--workspace", "--lib", "--test", "governance"], ["query-governance", "query-lakegate_query"]),
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
    return parser.parse_args()


def run_set(name: str, wanted: argparse.Namespace) -> bool:
    from mutation import building, judging, listing, singly, verdict

    globs, build, order = SETS[name]
    mutants = [mutant for mutant in listing.listed(REPOSITORY, globs) if wanted.only in mutant.name]
    chosen = listing.sample(mutants, wanted.seed, wanted.n)
    print(f"{name}: {len(chosen)} of {len(mutants)} mutants, seed {wanted.seed}", flush=True)
    work = REPOSITORY / "target/mutants"
    tree = building.Tree(REPOSITORY, work)
    with tree.changed():
        built = building.build(tree, chosen, build, work / "bin")
    suites = judging.timed([judging.Suite(suite, *built.tests[suite]) for suite in order])
    with open(work / f"{name}.jsonl", "w") as file:
        told = teller(file, len(chosen))
        outcomes = [judging.Outcome(m, "unviable", built.unviable[m.number], 0) for m in chosen
                    if m.number in built.unviable]
        for outcome in outcomes:
            told(outcome)
        switched = [m for m in chosen if m.number not in built.unviable and m.number not in built.single]
        outcomes += judging.judge_all(switched, suites, wanted.jobs, told)
        for mutant in chosen:
            if mutant.number in built.single:
                outcomes.append(singly.judge(tree, mutant, build, suites, work / "bin"))
                told(outcomes[-1])
    return verdict.report(f"{name} (seed {wanted.seed})", outcomes, REPOSITORY)


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
    good = [run_set(name, wanted) for name in wanted.sets]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
