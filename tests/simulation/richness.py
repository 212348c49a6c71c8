"""Whether histories are rich enough to mean something: what must occur in how many of them."""

from __future__ import annotations

from collections import Counter

from provider_console.sdk import ErrorClass

ENOUGH = 50
"""In so many of 2,000 histories at least (engine.md, section 13)."""

FEW = 20
"""Enough for a reason to go on from a provider: some of them take a rare meeting of two operations."""

LEFT = (
    "attempts exhausted",
    "budget",
    "breaker",
    "cooling",
    "slot",
    "deadline",
    "no retry for class",
    "disabled",
    "no larger context",
    "needs a key",
    "quota",
    "suspended",
    "permit taken",
)
PLACES = (
    "before it began",
    "in a slot's queue",
    "in a credential lookup",
    "in a call",
    "in a stream",
    "in a delay",
    "waiting for a reopening",
)
TRANSITIONS = ("closed to open", "open to half_open", "half_open to closed", "half_open to open")

WANTED = (
    *(f"class {name.value}" for name in ErrorClass),
    *(f"transition {name}" for name in TRANSITIONS),
    *(f"cancel {place}" for place in PLACES),
    *(f"left {reason}" for reason in LEFT),
    *(f"status {name}" for name in ("ok", "failed", "cancelled", "partial", "outcome_unknown")),
    "panic",
    "converged",
    "refused while draining",
    "crashed executions",
    "readers that leave",
    "readers that drop",
    "happened settings",
    "happened disable",
    "happened set secret",
    "happened delete secret",
    "happened store fails",
)


def poor(spread: Counter[str], *, enough: int = ENOUGH) -> dict[str, int]:
    """What occurs in fewer histories than it should."""
    return {name: spread[name] for name in WANTED if spread[name] < (FEW if name.startswith("left ") else enough)}
