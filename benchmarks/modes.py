"""From a digit to the mode's first frame, in a pseudo-terminal: the demo, whose engine and sandbox are real.

    make -C benchmarks modes
    python benchmarks/modes.py [--rounds 3]

Each round opens the program anew, so that every mode is opened for the first time: its module, its screen, its frame.
Exits with 1 where the bound is missed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Final

from pty_screen import Program

from provider_console.tui.keymap import TITLES

BOUND_MS: Final = 150.0


def active(program: Program, title: str) -> bool:
    """Whether the accent stands under a mode's title."""
    nav, rule = program.screen.display[:2]
    at = nav.find(title)
    return at >= 0 and rule[at] == "━"


def main() -> int:
    """Measure, print, and say whether the bound is met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    command = [str(Path(sys.executable).with_name("provider-console")), "demo"]
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    times: dict[str, list[float]] = {title: [] for _name, title in TITLES[1:]}
    for _ in range(asked.rounds):
        with Program(command, environ) as program:
            program.until("Served", limit_s=60)
            for digit, (_name, title) in enumerate(TITLES, 1):
                if title not in times:
                    continue
                program.settle(1.0)
                start = time.perf_counter()
                program.press(str(digit))
                while not active(program, title):
                    program.read(1.0)
                    if time.perf_counter() - start > 10:
                        raise TimeoutError(f"{title} did not open:\n{program.text}")
                times[title].append((time.perf_counter() - start) * 1000)
    missed = False
    for title, taken in times.items():
        median = statistics.median(taken)
        print(f"{title:<12} median {median:6.1f} ms  worst {max(taken):6.1f} ms")
        if median > BOUND_MS:
            missed = True
            print(f"missed: {title} {median:.1f} ms, bound {BOUND_MS:.0f}")
    return int(missed)


if __name__ == "__main__":
    raise SystemExit(main())
