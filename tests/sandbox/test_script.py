"""The script of the living sandbox, read without a server: what befalls whom, and when it is over."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from itertools import takewhile

import pytest

from provider_console.sandbox import OK, Faults
from provider_console.sandbox.cast import CAST, PREFER
from provider_console.sandbox.errands import ERRANDS
from provider_console.sandbox.script import ROUND_S, SCRIPT, Turn, play, turns

HOUR_S = 3_600.0
IDS = {player.id for player in CAST}


def until(seconds: float, seed: int = 1) -> list[Turn]:
    return list(takewhile(lambda turn: turn.at_s < seconds, turns(SCRIPT, random.Random(seed))))


def test_the_first_minute_has_each_sort_of_trouble() -> None:
    seen = {(turn.fault.kind, turn.fault.status) for turn in until(60)}

    assert seen >= {("slow", 0), ("refuse", 0), ("reset", 0), ("status", 429), ("status", 456), ("status", 503)}


def test_somebody_recovers_within_the_first_minute() -> None:
    assert any(turn.fault == OK for turn in until(60))


@pytest.mark.parametrize("seed", range(20))
def test_whoever_is_troubled_has_one_fault_and_is_relieved_of_it(seed: int) -> None:
    under: dict[str, Turn] = {}
    for turn in until(HOUR_S, seed):
        if turn.fault == OK:
            before = under.pop(turn.who)
            assert turn.on == before.on
            assert 0 < turn.at_s - before.at_s < ROUND_S
        else:
            assert turn.who not in under
            under[turn.who] = turn


@pytest.mark.parametrize("seed", range(20))
def test_changes_come_in_their_order(seed: int) -> None:
    times = [turn.at_s for turn in until(HOUR_S, seed)]

    assert times == sorted(times)


def test_the_same_seed_is_the_same_hour_and_another_one_differs_after_the_first_round() -> None:
    assert until(HOUR_S, 3) == until(HOUR_S, 3)
    assert until(HOUR_S, 3) != until(HOUR_S, 4)
    assert until(ROUND_S - 20, 3) == until(ROUND_S - 20, 4)


def test_every_fault_is_lifted_before_its_round_ends() -> None:
    assert all(cue.at_s + cue.for_s < ROUND_S - 6 for cue in SCRIPT)


def test_the_table_names_only_the_cast() -> None:
    assert {name for cue in SCRIPT for name in cue.who} <= IDS
    assert {name for errand in ERRANDS for name in errand.providers or ()} <= IDS
    assert {name for ids in PREFER.values() for name in ids} <= IDS


def test_everybody_who_has_a_key_is_asked_for_something() -> None:
    asked = {name for errand in ERRANDS for name in errand.providers or ()} | {"deepl"}

    assert asked == {player.id for player in CAST if player.key != "missing"}


async def test_a_script_without_a_row_ends_at_once() -> None:
    await play({}, Passing(), random.Random(1), script=())


@dataclass
class Passing:
    """Time that passes as fast as it is slept away; the play ends with it."""

    end: float = HOUR_S
    now: float = 100.0
    slept: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        if self.now > self.end:
            raise TimeoutError


class Played:
    """A server without a socket: what is set on it, and when."""

    def __init__(self, clock: Passing) -> None:
        self.clock = clock
        self.heard: list[bool] = []
        self.faults = Faults(lambda listening, _seconds: self.heard.append(listening))


async def test_an_hour_is_played_on_time() -> None:
    clock = Passing()
    servers = {player.id: Played(clock) for player in CAST}

    with pytest.raises(TimeoutError):
        await play(servers, clock, random.Random(1))

    assert all(seconds > 0 for seconds in clock.slept)
    refused = servers["libretranslate"].heard.count(False)
    expected = [turn for turn in until(HOUR_S - 100) if (turn.fault.kind, turn.who) == ("refuse", "libretranslate")]
    assert refused == len(expected) > 10
