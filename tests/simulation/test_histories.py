"""Two thousand seeded histories of the whole engine, and whether they were rich enough to mean something."""

# ruff: noqa: T201 - the figures are printed

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest
from tests.simulation.histories import play
from tests.simulation.richness import poor

SEEDS = 2_000
ITEM = 100


@pytest.fixture
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that every worker of this run sees."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "richness"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.mark.limit(180)
@pytest.mark.parametrize("first", range(0, SEEDS, ITEM))
def test_the_engine_keeps_its_rules_in_every_history(first: int, shared: Path):
    spread: Counter[str] = Counter()
    for seed in range(first, first + ITEM):
        spread.update(name for name, count in play(seed).counts.items() if count)

    # Whoever finishes last finds all reports there, whichever worker that is; a selection of items never does.
    kept = shared / f"{first}.json"
    kept.with_suffix(".part").write_text(json.dumps(spread))
    kept.with_suffix(".part").rename(kept)
    reports = sorted(shared.glob("*.json"))
    if len(reports) == SEEDS // ITEM:
        total: Counter[str] = Counter()
        for report in reports:
            total.update(json.loads(report.read_text()))
        for name, count in sorted(total.items()):
            print(f"{name:40} in {count:5} of {SEEDS} histories")
        assert not poor(total), f"too rare to mean anything: {poor(total)}"
