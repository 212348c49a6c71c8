"""Which providers, in which order, and why."""

from __future__ import annotations

from typing import Any

import pytest

from provider_console.core.breaker import BREAKER_OPEN, COOLING, NEEDS_KEY
from provider_console.core.decide import ORDERS, Candidate, Decision, Leader, decide
from provider_console.core.scoring import Score
from provider_console.sdk import Operation, Provider

PRIORITY, SCORE = ORDERS["priority"], ORDERS["score"]


def score(total: float) -> Score:
    return Score(total=total, base=40, response=20, reliability=total - 60, samples=0, successes=0, latency_s=1)


def provider(provider_id: str, **changes: Any) -> Provider:
    fields: dict[str, Any] = {
        "id": provider_id,
        "driver": "d",
        "configured": True,
        "enabled": True,
        "names": {},
        "base_url": None,
        "credential": None,
        "network": "global",
        "tier": "primary",
        "categories": ("ai",),
        "capabilities": ("text_generation",),
        "models": (),
        "cost": None,
        "region": None,
        "max_characters": None,
        "sources": (),
        "provenance": {},
    }
    return Provider(**{**fields, **changes})


def candidate(provider_id: str, total: float = 80.0, *, of: dict[str, Any] | None = None, **changes: Any) -> Candidate:
    return Candidate(provider=provider(provider_id, **(of or {})), score=score(total), breaker="closed", **changes)


CHAT = Operation(kind="chat", category="ai", capabilities=("text_generation",))


def order_of(decision: Decision) -> list[str]:
    return [choice.candidate.provider.id for choice in decision.plan]


def reasons(decision: Decision) -> dict[str, str]:
    return {out.candidate.provider.id: out.reason for out in decision.excluded}


def test_the_list_of_the_pair_goes_before_the_tier_and_the_tier_before_the_score() -> None:
    decision = decide(
        [
            candidate("fast", 95),
            candidate("faster", 99, of={"tier": "secondary"}),
            candidate("wanted", 10, of={"tier": "fallback"}),
            candidate("also-wanted", 5, of={"tier": "fallback"}),
            candidate("slow", 61),
        ],
        CHAT,
        order=PRIORITY,
        prefer=("wanted", "also-wanted"),
    )

    assert order_of(decision) == ["wanted", "also-wanted", "fast", "slow", "faster"]
    assert [choice.rank for choice in decision.plan] == [1, 2, 3, 4, 5]


def test_equal_scores_go_by_id() -> None:
    assert order_of(decide([candidate("b"), candidate("c"), candidate("a")], CHAT, order=PRIORITY)) == ["a", "b", "c"]


def test_the_order_score_leaves_the_tiers_out() -> None:
    candidates = [candidate("p", 60), candidate("f", 90, of={"tier": "fallback"})]

    assert order_of(decide(candidates, CHAT, order=SCORE)) == ["f", "p"]
    assert order_of(decide(candidates, CHAT, order=PRIORITY)) == ["p", "f"]


def test_a_plugins_ranker_brings_a_key_of_its_own() -> None:
    candidates = [candidate("dear", 99, of={"region": "us"}), candidate("near", 50, of={"region": "eu"})]

    decision = decide(candidates, CHAT, order=lambda p, s: (0.0 if p.region == "eu" else 1.0, -s))

    assert order_of(decision) == ["near", "dear"]


def test_a_preferred_name_that_is_not_there_changes_nothing() -> None:
    decision = decide([candidate("a"), candidate("b", 90)], CHAT, order=PRIORITY, prefer=("gone", "a"))

    assert order_of(decision) == ["a", "b"]


EXCLUSIONS = [
    ("another category", candidate("x", of={"categories": ("translation", "vision")}), CHAT, "category is translation"),
    ("no category", candidate("x", of={"categories": ()}), CHAT, "category is none"),
    ("switched off", candidate("x", of={"enabled": False}), CHAT, "disabled"),
    ("only found", candidate("x", of={"enabled": False, "configured": False}), CHAT, "found, not adopted"),
    ("lacks it", candidate("x", of={"capabilities": ("vision",)}), CHAT, "lacks text_generation"),
    ("no credential", candidate("x", missing="X_KEY"), CHAT, "credential missing"),
    ("held", candidate("x", held=NEEDS_KEY), CHAT, NEEDS_KEY),
    (
        "not asked for",
        candidate("x"),
        Operation(kind="chat", category="ai", providers=("y",)),
        "not among the providers asked for",
    ),
    (
        "another model",
        candidate("x", of={"models": ("small",)}),
        Operation(kind="chat", category="ai", payload={"model": "large"}),
        "has no model large",
    ),
    (
        "a model it refused",
        candidate("x", of={"models": ("small", "large")}, models_out=frozenset({"large"})),
        Operation(kind="chat", category="ai", payload={"model": "large"}),
        "model not allowed",
    ),
    (
        "its first model was refused",
        candidate("x", of={"models": ("small", "large")}, models_out=frozenset({"small"})),
        CHAT,
        "model not allowed",
    ),
    ("it has no models and refused", candidate("x", models_out=frozenset({None})), CHAT, "model not allowed"),
]


@pytest.mark.parametrize(("one", "operation", "reason"), [c[1:] for c in EXCLUSIONS], ids=[c[0] for c in EXCLUSIONS])
def test_who_cannot_serve_keeps_the_reason(one: Candidate, operation: Operation, reason: str) -> None:
    decision = decide([one], operation, order=PRIORITY)

    assert not decision.plan
    (out,) = decision.excluded
    assert out.reason.startswith(reason)
    assert not out.waiting


@pytest.mark.parametrize("refusal", [BREAKER_OPEN, COOLING])
def test_who_is_not_admitted_now_is_left_out_and_waits(refusal: str) -> None:
    (out,) = decide([candidate("x", refusal=refusal)], CHAT, order=PRIORITY).excluded

    assert (out.reason, out.waiting) == (refusal, True)


def test_what_it_can_never_do_is_said_before_what_it_cannot_do_now() -> None:
    (out,) = decide([candidate("x", missing="X_KEY", refusal=BREAKER_OPEN)], CHAT, order=PRIORITY).excluded

    assert (out.reason, out.waiting) == ("credential missing", False)


def test_a_model_left_out_leaves_the_others_of_its_provider() -> None:
    one = candidate("x", of={"models": ("small", "large")}, models_out=frozenset({"large"}))

    assert order_of(decide([one], CHAT, order=PRIORITY)) == ["x"]


def test_those_left_out_stand_by_name() -> None:
    decision = decide([candidate(name, missing="K") for name in "cab"], CHAT, order=PRIORITY)

    assert list(reasons(decision)) == ["a", "b", "c"]


# --- the leader ------------------------------------------------------------------------------------------------


def lead(leader: Leader | None, **totals: float) -> Decision:
    return decide([candidate(name, total) for name, total in totals.items()], CHAT, order=PRIORITY, leader=leader)


def test_the_first_leader_is_the_best() -> None:
    assert lead(None, a=70, b=80).leader == Leader(provider="b")


def test_one_evaluation_ahead_is_not_enough() -> None:
    decision = lead(Leader(provider="a"), a=70, b=80)

    assert order_of(decision) == ["a", "b"]
    assert decision.leader == Leader(provider="a", challenger="b", evaluations=1)
    assert decision.plan[0].why == "tier primary, keeps the lead over b"


def test_two_evaluations_five_points_ahead_take_the_lead() -> None:
    decision = lead(lead(Leader(provider="a"), a=70, b=75).leader, a=70, b=75)

    assert order_of(decision) == ["b", "a"]
    assert decision.leader == Leader(provider="b")


def test_less_than_five_points_never_take_the_lead() -> None:
    leader: Leader | None = Leader(provider="a")
    for _ in range(50):
        leader = lead(leader, a=70, b=74.99).leader

    assert leader == Leader(provider="a")


def test_the_two_evaluations_are_in_a_row_and_of_the_same_challenger() -> None:
    once = lead(Leader(provider="a"), a=70, b=80).leader

    assert lead(once, a=70, b=72).leader == Leader(provider="a")
    assert lead(once, a=70, b=72, c=80).leader == Leader(provider="a", challenger="c", evaluations=1)


def test_a_leader_that_is_not_eligible_loses_the_lead_at_once() -> None:
    down = candidate("a", 99, refusal=BREAKER_OPEN)

    decision = decide([down, candidate("b", 50)], CHAT, order=PRIORITY, leader=Leader(provider="a"))

    assert decision.leader == Leader(provider="b")


def test_the_administrators_word_takes_the_lead_at_once() -> None:
    better_tier = decide(
        [candidate("a", 99, of={"tier": "secondary"}), candidate("b", 20)],
        CHAT,
        order=PRIORITY,
        leader=Leader(provider="a"),
    )
    preferred = decide(
        [candidate("a", 99), candidate("b", 20)], CHAT, order=PRIORITY, prefer=("b",), leader=Leader(provider="a")
    )

    assert (order_of(better_tier), order_of(preferred)) == (["b", "a"], ["b", "a"])


def test_with_nobody_eligible_the_leader_is_remembered() -> None:
    leader = Leader(provider="a", challenger="b", evaluations=1)

    assert decide([candidate("a", missing="K")], CHAT, order=PRIORITY, leader=leader).leader == leader


def test_the_reasons_of_a_plan_say_what_placed_each() -> None:
    decision = decide([candidate("a", 80.44), candidate("b", 70)], CHAT, order=PRIORITY, prefer=("b",))

    assert [choice.why for choice in decision.plan] == ["preferred, place 1", "tier primary, score 80.4"]
