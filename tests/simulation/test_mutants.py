"""The histories find known mistakes: what they would not notice, they do not prove."""

from __future__ import annotations

import pytest
from tests.simulation.mutants import MUTANTS, Mutant, order, run

FEW = 60
"""Histories a mutant may survive here; `make mutants` plays more."""


@pytest.mark.limit(120)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_planted_mistake_is_found(mutant: Mutant):
    verdict = run(mutant, order(mutant, seeds=FEW))

    assert verdict.seed is not None, f"{mutant.name} survived {FEW} histories"
    assert verdict.invariant
