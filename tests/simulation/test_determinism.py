"""The same seed gives the same history, whatever PYTHONHASHSEED says.

200 seeds here; `SIMULATION_REPLAYS=1000` plays as many as the design asks for, in about two minutes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SEEDS = int(os.environ.get("SIMULATION_REPLAYS", "200"))
ITEM = 100
HASH_SEEDS = ("0", "1", "4711")

_PROGRAM = """
import sys
from tests.simulation.histories import play
for seed in range(int(sys.argv[1]), int(sys.argv[2])):
    played = play(seed)
    print(seed, played.trace, played.steps, played.time_s)
"""


def traces(first: int, *, hash_seed: str) -> list[str]:
    """A line for each history, played in a process of its own."""
    ended = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(first), str(first + ITEM)],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    return ended.stdout.splitlines()


@pytest.mark.limit(300)
@pytest.mark.parametrize("first", range(0, SEEDS, ITEM))
def test_a_seed_plays_the_same_history_under_any_hash_seed(first: int):
    expected, *others = (traces(first, hash_seed=hash_seed) for hash_seed in HASH_SEEDS)

    assert len(expected) == ITEM
    for found in others:
        assert [a for a, b in zip(expected, found, strict=True) if a != b] == []
