"""`python -m tests.simulation --seed 17` shows one history, `--seeds 20000` plays many and says what they held."""

# ruff: noqa: BLE001, T201 - a program that prints, and tells of whatever went wrong

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections import Counter

from tests.simulation.histories import play
from tests.simulation.richness import poor


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="play this one, and print what happened")
    parser.add_argument("--seeds", type=int, default=2000, help="how many to play, from --first on")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--keep-going", action="store_true", help="do not stop at the first that fails")
    asked = parser.parse_args()
    if asked.seed is not None:
        try:
            played = play(asked.seed, tell=True)
        except Exception:
            traceback.print_exc()
            return 1
        print("\n".join(played.log))
        print(f"seed {played.seed}: {played.steps} steps, {played.time_s:.1f} s, trace {played.trace}")
        return 0
    return _many(asked)


def _many(asked: argparse.Namespace) -> int:
    began = time.perf_counter()
    counts: Counter[str] = Counter()
    spread: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    steps = 0
    for seed in range(asked.first, asked.first + asked.seeds):
        try:
            played = play(seed)
        except (Exception, SystemExit) as error:
            wrong[f"{type(error).__name__} {getattr(error, 'invariant', '')}"] += 1
            print(f"seed {seed}: {type(error).__name__}: {str(error)[:400]}", flush=True)
            if not asked.keep_going:
                return 1
            continue
        counts.update(played.counts)
        spread.update(name for name, count in played.counts.items() if count)
        steps += played.steps
    took_s = time.perf_counter() - began
    print(f"{asked.seeds} histories in {took_s:.1f} s ({1000 * took_s / asked.seeds:.0f} ms each), {steps} steps")
    for name, count in sorted(counts.items()):
        print(f"  {name:40} {count:8} in {spread[name]:5} histories")
    if asked.seeds >= 2000:
        for name, count in poor(spread).items():
            print(f"  POOR {name}: in {count} histories only")
    for name, count in wrong.most_common():
        print(f"  WRONG {name}: {count}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
