"""From a key to its repaint in a pseudo-terminal, with 1,000 providers while 1,000 events a second arrive.

    make -C benchmarks repaint
    python benchmarks/repaint.py [--keys 300] [--rows 1000] [--rate 1000]

The program is the real terminal console; behind it stands a console that answers from memory and publishes events at
the rate asked for, in the program's own loop as the engine does. A key moves the cursor; the time runs until the
terminal has got the whole frame that shows it on the next row. The next key comes after that, at no regular interval:
a beat would always meet the same moment between the reads. Exits with 1 where the bound is missed.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import time
from pathlib import Path
from typing import Final

from pty_screen import Program

from provider_console.cli.terminal import FRAMES_A_SECOND

P95_MS: Final = 20.0
APART_S: Final = (0.03, 0.25)
"""From a repaint to the next key."""


def main() -> int:
    """Measure, print, and say whether the bound is met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=300)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--rate", type=int, default=1000)
    asked = parser.parse_args()
    command = [sys.executable, str(Path(__file__).with_name("repaint_app.py")), str(asked.rows), str(asked.rate)]
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environ["TEXTUAL_FPS"] = FRAMES_A_SECOND
    times: list[float] = []
    chance = random.Random(asked.keys)
    with Program(command, environ) as program:
        program.until("provider-0005", limit_s=60)
        program.settle(3.0)
        for _ in range(asked.keys):
            program.settle(chance.uniform(*APART_S))
            before = program.under_cursor()
            start = time.perf_counter()
            program.press("\x1b[B")
            times.append((program.seen(lambda before=before: program.under_cursor() != before) - start) * 1000)
        memory = program.resident_mib
        seen = program.cpu_s
        program.settle(2.0)
        busy = (program.cpu_s - seen) / 2.0 * 100
    times.sort()
    p95 = times[int(len(times) * 0.95)]
    print(f"{asked.rows:,} rows, {asked.rate:,} events a second, {len(times)} keys")
    print(f"key to repaint  median {statistics.median(times):.1f} ms  p95 {p95:.1f} ms  worst {times[-1]:.1f} ms")
    print(f"meanwhile {busy:.0f} % of a core, {memory:.0f} MiB resident")
    if p95 > P95_MS:
        print(f"missed: key to repaint p95 {p95:.1f} ms, bound {P95_MS:.0f}")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
