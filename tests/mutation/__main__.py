"""Draw the faults, try each, and say which ones no test saw."""

from __future__ import annotations

import argparse
import importlib
import json
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutation.faults import Fault, faults_of
from tests.mutation.trying import CORE, TESTS, outcome, source_of


def drawn(modules: list[str], sample: int | None, seed: int) -> list[Fault]:
    """All faults of the modules, or so many of them."""
    faults = [fault for module in modules for fault in faults_of(module, source_of(module))]
    if sample is None or sample >= len(faults):
        return faults
    return sorted(
        random.Random(seed).sample(faults, sample), key=lambda fault: (modules.index(fault.module), fault.number)
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--module", action="append", choices=sorted(TESTS), help="only this one; may be given again")
    parser.add_argument("--sample", type=int, help="only so many faults, drawn with --seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=120, help="for one fault (default 120)")
    parser.add_argument("--jobs", type=int, default=2, help="at the same time (default 2)")
    parser.add_argument("--fault", help="only this one, such as prices:17")
    parser.add_argument("--json", type=Path, help="write every outcome to this file")
    given = parser.parse_args()
    modules = given.module or list(TESTS)
    for path in CORE.glob("*.py"):  # once, before the forks
        importlib.import_module(f"ibgw_tui.core.{path.stem}")
    for name in ("pytest", "hypothesis.strategies", "tests.conftest"):
        importlib.import_module(name)
    if given.fault:
        module, _, number = given.fault.partition(":")
        faults = [faults_of(module, source_of(module))[int(number)]]
    else:
        faults = drawn(modules, given.sample, given.seed)
    untouched = outcome(None, modules[0], 300)
    if untouched != "survived":
        sys.exit(f"the tests fail without any fault: {untouched}")
    began = time.monotonic()
    results: list[tuple[Fault, str]] = []
    with ThreadPoolExecutor(given.jobs) as pool:
        tried = pool.map(lambda fault: (fault, outcome(fault, fault.module, given.seconds)), faults)
        for fault, said in tried:
            results.append((fault, said))
            if said == "survived":
                print(
                    f"SURVIVED {fault.module}.py:{fault.line} [{fault.module}:{fault.number}] {fault.what}", flush=True
                )
    report(results, time.monotonic() - began)
    if given.json:
        given.json.write_text(json.dumps([[*vars(fault).values(), said] for fault, said in results], indent=0))
    return 0


def report(results: list[tuple[Fault, str]], seconds: float) -> None:
    print(f"\n{'module':14}{'faults':>8}{'killed':>8}{'share':>8}")
    names = list(dict.fromkeys(fault.module for fault, _ in results))
    for name in [*names, "all"]:
        said = [outcome for fault, outcome in results if name in (fault.module, "all")]
        killed = sum(outcome != "survived" for outcome in said)
        print(f"{name:14}{len(said):8}{killed:8}{killed / len(said):8.1%}")
    print(f"{seconds:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
