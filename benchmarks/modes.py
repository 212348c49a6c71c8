"""From a digit to the mode's first frame, in a pseudo-terminal: the demo, whose engine and sandbox are real.

    make -C benchmarks modes
    python benchmarks/modes.py [--rounds 3]

Every mode is opened for the first time: its screen, its rules, its frame. Opened later, a mode has been imported
meanwhile; opened at once, as soon as keys are answered, it has not, and the engine is still starting. CPU is the main
thread's, engine and all: on a machine that does other things too it says more than the clock. Exits with 1 where the
bound is missed.
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


def opened(program: Program, digit: int, title: str) -> tuple[float, float]:
    """Milliseconds by the clock and of CPU from a digit to the frame of its mode."""
    start, before = time.perf_counter(), program.thread_cpu_s
    program.press(str(digit))
    while not active(program, title):
        program.read(1.0)
        if time.perf_counter() - start > 10:
            raise TimeoutError(f"{title} did not open:\n{program.text}")
    return (time.perf_counter() - start) * 1000, (program.thread_cpu_s - before) * 1000


def main() -> int:
    """Measure, print, and say whether the bound is met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    command = [str(Path(sys.executable).with_name("provider-console")), "demo"]
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    later: dict[str, list[tuple[float, float]]] = {title: [] for _name, title in TITLES[1:]}
    at_once: dict[str, list[tuple[float, float]]] = {title: [] for title in later}
    for _ in range(asked.rounds):
        with Program(command, environ) as program:
            program.until("Served", limit_s=60)
            for digit, title in enumerate(later, 2):
                # The load on the sandbox and the pages' own reading go on; only the visit before is over.
                program.settle(1.0)
                later[title].append(opened(program, digit, title))
        for digit, title in enumerate(at_once, 2):
            with Program(command, environ) as program:
                program.until("commands", limit_s=60)
                at_once[title].append(opened(program, digit, title))
    missed = False
    print(
        f"{'ms':<12}{'opened later':>14}{'best':>7}{'worst':>7}{'CPU':>7}"
        f"{'at once':>12}{'best':>7}{'worst':>7}{'CPU':>7}"
    )
    for title in later:
        figures = []
        for taken in (later[title], at_once[title]):
            clock, cpu = zip(*taken, strict=True)
            figures.append((statistics.median(clock), min(clock), max(clock), statistics.median(cpu)))
        (median, *others), (first, *rest) = figures
        columns = (f"{median:>14.0f}", *(f"{each:>7.0f}" for each in others), f"{first:>12.0f}")
        print(f"{title:<12}", *columns, *(f"{each:>7.0f}" for each in rest), sep="")
        if median > BOUND_MS:
            missed = True
            print(f"missed: {title} {median:.1f} ms, bound {BOUND_MS:.0f}")
    return int(missed)


if __name__ == "__main__":
    raise SystemExit(main())
