"""What befalls the cast: a table of faults, played round after round, never twice the same after the first."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from provider_console.sandbox.fault import OK, Fault, Faults, Lane

ROUND_S: Final = 240.0
"""How long a round of the script takes; each fault is lifted before it ends."""
SHIFT_S: Final = 6.0
"""How much earlier or later than in the table something begins, from the second round on."""


class Cue(NamedTuple):
    """One row: from `at_s` of a round on, for `for_s`, `fault` befalls one of `who`, on one lane or on both.

    In the first round it is the first of `who`; later, whoever of them is well.
    """

    at_s: float
    for_s: float
    who: tuple[str, ...]
    fault: Fault
    on: Lane | None = None


SCRIPT: Final = (
    Cue(0.0, 60.0, ("azure_translator",), Fault("status", status=456, retry_after="1500")),
    Cue(1.0, 150.0, ("openai", "anthropic", "gemini"), Fault("slow", seconds=1.4), "work"),
    Cue(5.0, 105.0, ("libretranslate",), Fault("refuse")),
    Cue(8.0, 26.0, ("google_translate", "apertium"), Fault("reset")),
    Cue(14.0, 26.0, ("groq", "openai", "gemini"), Fault("status", status=429, retry_after="40"), "work"),
    Cue(38.0, 18.0, ("deepl",), Fault("status", status=503), "work"),
    Cue(70.0, 24.0, ("anthropic", "openai", "mistral"), Fault("status", status=500), "work"),
    Cue(96.0, 30.0, ("mistral", "openrouter"), Fault("slow", seconds=2.6)),
    Cue(126.0, 20.0, ("gemini", "groq"), Fault("half"), "work"),
    Cue(140.0, 28.0, ("openrouter", "anthropic"), Fault("status", status=401)),
    Cue(158.0, 22.0, ("acme", "google_translate"), Fault("refuse")),
    Cue(176.0, 22.0, ("ollama", "deepl"), Fault("hang"), "work"),
    Cue(186.0, 16.0, ("groq", "mistral"), Fault("bad_json"), "work"),
    Cue(200.0, 20.0, ("deepl", "google_translate"), Fault("status", status=429, retry_after="6"), "work"),
)
"""A round, in the order of its beginnings. The first minute has every state that a provider can be in."""


class Turn(NamedTuple):
    """Something changes at `at_s` from the start: `fault` is `OK` where one is lifted."""

    at_s: float
    who: str
    fault: Fault
    on: Lane | None


def turns(script: Sequence[Cue], rng: random.Random) -> Iterator[Turn]:
    """Every change in its order, without an end where the script has a row. Nobody has two faults at a time."""
    begun_s = 0.0
    first = True
    while script:
        yield from sorted(_round(script, rng, begun_s, first=first), key=lambda turn: turn.at_s)
        begun_s += ROUND_S
        first = False


def _round(script: Sequence[Cue], rng: random.Random, begun_s: float, *, first: bool) -> Iterator[Turn]:
    busy_until: dict[str, float] = {}
    for cue in script:
        at_s = cue.at_s if first else max(0.0, cue.at_s + rng.uniform(-SHIFT_S, SHIFT_S))
        well = [name for name in cue.who if busy_until.get(name, -1.0) < at_s]
        if not well:
            continue
        who = well[0] if first else rng.choice(well)
        until_s = busy_until[who] = at_s + cue.for_s
        yield Turn(begun_s + at_s, who, cue.fault, cue.on)
        yield Turn(begun_s + until_s, who, OK, cue.on)


class Clock(Protocol):
    """What a play needs of time."""

    def monotonic(self) -> float:
        """Seconds since some moment."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class Troubled(Protocol):
    """A server as the script sees it."""

    @property
    def faults(self) -> Faults:
        """What its next requests meet."""
        ...


async def play(
    servers: Mapping[str, Troubled], clock: Clock, rng: random.Random, *, script: Sequence[Cue] = SCRIPT
) -> None:
    """Have the script befall the servers until cancelled; who has no server is left out."""
    start = clock.monotonic()
    for turn in turns(script, rng):
        wait_s = start + turn.at_s - clock.monotonic()
        if wait_s > 0:
            await clock.sleep(wait_s)
        server = servers.get(turn.who)
        if server is not None:
            server.faults.set(turn.fault, on=turn.on)
