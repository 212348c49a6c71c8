"""The benchmark of one call runs, whatever the engine has become since; what it measures is nobody's test."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "overhead.py"


def test_the_overhead_benchmark_prints_a_line_for_each_contender() -> None:
    command = [sys.executable, str(BENCHMARK), "--quick", "--no-peers"]

    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)

    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    for contender in (
        "bare await",
        "asyncio.timeout",
        "engine, 10 providers",
        "engine, 1,000 providers",
        "engine, somebody listens",
        "engine, first provider fails",
    ):
        assert any(line.startswith(contender) for line in lines), ran.stdout
