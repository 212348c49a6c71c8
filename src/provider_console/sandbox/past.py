"""Two days that the living sandbox never had: its cast is measured by them, and has something to tell at once.

Without them nobody has a usual latency, so that nobody could be slower than usual.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple

from msgspec.structs import replace

from provider_console.adapters.sqlite import SqliteUsage
from provider_console.core.ports.time import Clock
from provider_console.core.ports.usage import AttemptRow, CheckRow, UsageRow
from provider_console.engine.trace import price
from provider_console.sandbox.cast import CAST, PROBE_SHARE, SPREAD, Player
from provider_console.sdk.provider import Cost

HOUR_S: Final = 3_600.0
HOURS: Final = 48
"""So that a day has one before it."""
BUSIEST: Final = 3.0
"""Executions that begin at a provider in the busiest hour of a day; at night it is a quarter."""
OF_THE_HOUR: Final = 48
"""Executions that begin at a provider in the last hour: each twelfth of it is a point of its trend, and some fail."""
JUST_NOW: Final = 8
"""More of them in the minutes that the live figures look back."""
JUST_NOW_S: Final = 240.0
CHECK_S: Final = 300.0
QUIET_S: Final = 600.0
"""Nothing failed just before it opened: whatever does, does it before somebody's eyes."""
REACHED_EVERY: Final = 6
"""One failure in so many was made good by no other provider; counted, for two days have no more than ten."""
DELAY_MS: Final = 200.0
TIMEOUT_MS: Final = 15_000.0


class Trouble(NamedTuple):
    """One sort of failure: how often it comes compared with the others, and how it is on record."""

    weight: float
    error_class: str
    status: int | None
    code: str | None
    message: str
    took_ms: float


TROUBLES: Final = (
    Trouble(5, "rate_limited", 429, "rate_limit_exceeded", "Too many requests", 40.0),
    Trouble(3, "server_error", 503, None, "Service unavailable", 120.0),
    Trouble(2, "timeout", None, None, "no answer within 15 s", TIMEOUT_MS),
    Trouble(1, "network", None, None, "the connection ended before it answered", 60.0),
)
FAILING: Final = {"groq": 0.06, "openrouter": 0.04, "google_translate": 0.03, "mistral": 0.03, "acme": 0.02}
"""How much of what a player was asked failed; of the others, `RARELY`."""
RARELY: Final = 0.006
OUTAGE: Final = ("mistral", 7 * HOUR_S, 540.0)
"""Who was down: how long ago it began, and for how long."""


async def write_past(path: Path, *, clock: Clock, rng: random.Random) -> None:
    """Write attempts, checks and roll-ups of the last days into a database that is not open yet.

    Raises:
        StoreUnavailable
    """
    usage = SqliteUsage(path, clock=clock)
    try:
        await usage.write(past(clock.wall(), rng))
        await usage.fold()
    finally:
        await usage.close()


def past(now: float, rng: random.Random) -> Sequence[UsageRow]:
    """The rows of the days before `now` (wall seconds), oldest first."""
    players = [player for player in CAST if player.key != "missing"]
    attempts: list[AttemptRow] = []
    failures = count(1)
    for at, player in sorted(_moments(players, now, rng), key=lambda moment: moment[0]):
        attempts += _execution(
            player, players, at, rng=rng, calm=at > now - QUIET_S, number=len(attempts), failures=failures
        )
    return [*attempts, *_outage(now), *_checks(players, now, rng)]


def _moments(players: Sequence[Player], now: float, rng: random.Random) -> Iterator[tuple[float, Player]]:
    """When an execution began, and with whom."""
    for player in players:
        for hour in range(1, HOURS):
            begins = now - (hour + 1) * HOUR_S
            day = 0.5 - 0.5 * math.cos(2 * math.pi * (begins % (24 * HOUR_S)) / (24 * HOUR_S))
            for _ in range(round(rng.uniform(0.5, 1.0) * BUSIEST * max(day, 1 / 4))):
                yield begins + rng.random() * HOUR_S, player
        for part in range(OF_THE_HOUR):
            yield now - HOUR_S * (part + rng.uniform(0.1, 0.9)) / OF_THE_HOUR, player
        for _ in range(JUST_NOW):
            yield now - rng.uniform(5.0, JUST_NOW_S), player


def _execution(
    player: Player,
    players: Sequence[Player],
    at: float,
    *,
    rng: random.Random,
    calm: bool,
    number: int,
    failures: Iterator[int],
) -> Iterator[AttemptRow]:
    """One that was answered at once, saved by the next one, or not answered at all."""
    id_ = f"sandbox-past-{number:06}"
    if calm or rng.random() >= FAILING.get(player.id, RARELY):
        yield _answered(player, id_, at, rng)
        return
    absorbed = next(failures) % REACHED_EVERY != 0
    trouble = rng.choices(TROUBLES, [one.weight for one in TROUBLES])[0]
    yield replace(
        _attempt(player, id_, at, trouble.took_ms),
        ok=False,
        absorbed=absorbed,
        counted=1.0,
        error_class=trouble.error_class,
        http_status=trouble.status,
        provider_code=trouble.code,
        message=trouble.message,
    )
    if absorbed:
        others = [other for other in players if other.section == player.section and other is not player]
        later = at + (trouble.took_ms + DELAY_MS) / 1000
        yield replace(_answered(rng.choice(others), id_, later, rng), delay_before_ms=DELAY_MS, first=False)


def _answered(player: Player, id_: str, at: float, rng: random.Random) -> AttemptRow:
    if player.section == "translation":
        units = {"characters": float(rng.randint(15, 60))}
    else:
        units = {"inputTokens": float(rng.randint(8, 20)), "outputTokens": float(rng.randint(12, 60))}
    duration_ms = 1000 * player.latency_s * math.exp(rng.gauss(0.0, SPREAD))
    cost = None if player.cost is None else Cost(input=player.cost[0], output=player.cost[1])
    return replace(_attempt(player, id_, at, round(duration_ms, 1)), units=units, cost=price(units, cost))


def _attempt(player: Player, id_: str, at: float, duration_ms: float) -> AttemptRow:
    translates = player.section == "translation"
    return AttemptRow(
        execution_id=id_,
        provider=player.id,
        kind="translate" if translates else "chat",
        category="translation" if translates else "ai",
        attempt=1,
        at=at,
        duration_ms=duration_ms,
        timeout_ms=TIMEOUT_MS,
        delay_before_ms=0.0,
        ok=True,
        absorbed=False,
        counted=0.0,
        model=player.models[0] if player.models else None,
    )


def _checks(players: Sequence[Player], now: float, rng: random.Random) -> Iterator[CheckRow]:
    for number in range(int(HOUR_S / CHECK_S), 0, -1):
        for player in players:
            latency_ms = PROBE_SHARE * 1000 * player.latency_s * math.exp(rng.gauss(0.0, SPREAD))
            yield _check(player.id, now - number * CHECK_S, round(latency_ms, 1))


def _outage(now: float) -> Iterator[CheckRow]:
    """Checks as they stand in the record when somebody was down for a while."""
    who, ago_s, for_s = OUTAGE
    began = now - ago_s
    failed = CheckRow(
        provider=who, at=began, state="unhealthy", passed=False, error_class="server_error", message="Bad gateway"
    )
    yield _check(who, began - 60.0, None)
    yield replace(failed, event="went_down")
    for second in range(60, int(for_s), 60):
        yield replace(failed, at=began + second)
    yield replace(_check(who, began + for_s, None), event="recovered", out_ms=for_s * 1000)


def _check(provider: str, at: float, latency_ms: float | None) -> CheckRow:
    return CheckRow(
        provider=provider, at=at, state="healthy", passed=True, rung="authentication", latency_ms=latency_ms
    )
