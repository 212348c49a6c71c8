"""An order kept ready: for a quarter of a second, and not a moment longer than it is true."""

from __future__ import annotations

import random
from typing import Any

import pytest
from tests.unit.engine.workbench import ScriptedDriver

from provider_console.core.settings import EngineSettings, Settings
from provider_console.engine.lane import Lane
from provider_console.engine.planner import CACHE_ENTRIES, VALID_S, Planner
from provider_console.engine.settings_desk import Current
from provider_console.sdk import Operation, Provider
from provider_console.testing.fakes import provider as provider_of

CHAT = Operation(kind="chat", category="ai")
SETTINGS = Settings()


@pytest.fixture
def current() -> Current:
    return Current(SETTINGS)


def lanes_of(*ids: str, **fields: Any) -> dict[str, Lane]:
    driver = ScriptedDriver()
    return {
        name: Lane(provider_of(driver, id=name, **fields), driver, settings=SETTINGS, rng=random.Random(1), now=0.0)
        for name in ids
    }


def leading(planner: Planner, now: float, operation: Operation = CHAT) -> str:
    return planner.plan(operation, now).plan[0].candidate.provider.id


def part(lanes: dict[str, Lane]) -> None:
    """Let `a` have answered slowly and `b` quickly, often enough to stand over 5 points apart."""
    for name, latency_s in (("a", 5.0), ("b", 0.3)):
        for _ in range(400):
            lanes[name].stats.observe(10.0, ok=True, latency_s=latency_s)


async def test_a_decision_stands_for_a_quarter_of_a_second(current: Current) -> None:
    planner = Planner(lanes_of("a"), current)
    first = planner.plan(CHAT, 10.0)

    assert planner.plan(CHAT, 10.0 + VALID_S - 0.001) is first
    assert planner.plan(CHAT, 10.0 + VALID_S) is not first


async def test_an_invalidation_ends_it_at_once(current: Current) -> None:
    lanes = lanes_of("a", "b")
    planner = Planner(lanes, current)
    planner.plan(CHAT, 10.0)
    lanes["a"].breaker.cool(20.0)
    planner.invalidate()

    decision = planner.plan(CHAT, 10.001)

    assert [choice.candidate.provider.id for choice in decision.plan] == ["b"]


async def test_other_settings_end_it_at_once(current: Current) -> None:
    planner = Planner(lanes_of("a"), current)
    first = planner.plan(CHAT, 10.0)
    current.settings = Settings(engine=EngineSettings(order="score"))

    assert planner.plan(CHAT, 10.001) is not first


@pytest.mark.parametrize(
    "other",
    [
        Operation(kind="chat", category="translation"),
        Operation(kind="chat", category="ai", capabilities=("vision",)),
        Operation(kind="chat", category="ai", providers=("a",)),
        Operation(kind="chat", category="ai", payload={"model": "large"}),
    ],
    ids=["category", "capabilities", "providers", "model"],
)
async def test_operations_that_differ_in_what_decides_have_decisions_of_their_own(
    other: Operation, current: Current
) -> None:
    planner = Planner(lanes_of("a", "b"), current)

    assert planner.plan(CHAT, 10.0) is not planner.plan(other, 10.0)


async def test_what_does_not_decide_is_not_looked_at(current: Current) -> None:
    planner = Planner(lanes_of("a"), current)

    one = planner.plan(Operation(kind="chat", category="ai", payload={"text": "one"}), 10.0)

    assert planner.plan(Operation(kind="other", category="ai", payload={"text": "two"}), 10.0) is one


async def test_a_faster_provider_takes_the_lead_with_its_second_evaluation(current: Current) -> None:
    lanes = lanes_of("a", "b")
    planner = Planner(lanes, current)
    assert leading(planner, 10.0) == "a"
    part(lanes)

    assert [leading(planner, at) for at in (10.1, 10.3, 10.4, 10.6)] == ["a", "a", "a", "b"]


async def test_a_burst_of_invalidations_is_one_evaluation(current: Current) -> None:
    lanes = lanes_of("a", "b")
    planner = Planner(lanes, current)
    leading(planner, 10.0)
    part(lanes)

    led = []
    for step in range(20):
        planner.invalidate()
        led.append(leading(planner, 10.3 + step / 100))

    assert set(led) == {"a"}
    assert leading(planner, 10.8) == "b"


async def test_a_leader_that_went_down_loses_the_lead_in_the_middle_of_a_burst(current: Current) -> None:
    lanes = lanes_of("a", "b")
    planner = Planner(lanes, current)
    leading(planner, 10.0)
    lanes["a"].breaker.cool(100.0)
    planner.invalidate()

    assert leading(planner, 10.01) == "b"
    planner.invalidate()
    assert leading(planner, 10.02) == "b"


async def test_a_look_at_this_very_moment_leaves_no_trace(current: Current) -> None:
    lanes = lanes_of("a", "b")
    planner = Planner(lanes, current)
    leading(planner, 10.0)
    part(lanes)
    for step in range(20):
        planner.fresh(CHAT, 10.3 + step)

    assert leading(planner, 40.0) == "a"


async def test_a_ranker_of_a_plugin_orders(current: Current) -> None:
    current.settings = Settings(engine=EngineSettings(order="last_first"))

    def last_first(provider: Provider, *, score: float) -> tuple[float, ...]:
        return (-ord(provider.id),)

    planner = Planner(lanes_of("a", "b"), current, {"last_first": last_first})

    assert leading(planner, 0.0) == "b"
    assert planner.order_problem() is None


async def test_an_order_that_has_gone_is_said_and_priority_used(current: Current) -> None:
    current.settings = Settings(engine=EngineSettings(order="scoer"))
    planner = Planner(lanes_of("a", "b"), current)

    assert leading(planner, 0.0) == "a"
    assert planner.order_problem() == "unknown order 'scoer'; did you mean 'score'?; priority is used"


async def test_what_is_kept_is_bounded_whatever_is_asked(current: Current) -> None:
    planner = Planner(lanes_of("a"), current)
    for number in range(5 * CACHE_ENTRIES):
        planner.invalidate()
        planner.plan(Operation(kind="chat", category="ai", payload={"model": f"m{number}"}), number / 1000)

    assert len(planner._leaders) <= CACHE_ENTRIES
    assert len(planner._cache) <= CACHE_ENTRIES


@pytest.mark.parametrize("model", [["a"], {"name": "a"}, 5])
async def test_a_model_that_is_no_name_does_not_stop_a_decision(current: Current, model: object) -> None:
    lanes = lanes_of("a", models=("small",))
    lanes["a"].leave_out("large", 9.0)
    planner = Planner(lanes, current)

    assert leading(planner, 10.0, Operation(kind="chat", category="ai", payload={"model": model})) == "a"
