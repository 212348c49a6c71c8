"""What is true of every decision."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from provider_console.core.decide import LEAD_POINTS, ORDERS, Candidate, Leader, decide
from provider_console.core.scoring import Score
from provider_console.sdk import Operation, Provider

NAMES = [f"p{number}" for number in range(6)]


def _provider(provider_id: str, enabled: bool, tier: Any, categories: tuple[str, ...]) -> Provider:
    return Provider(
        id=provider_id,
        driver="d",
        configured=True,
        enabled=enabled,
        names={},
        base_url=None,
        credential=None,
        network="global",
        tier=tier,
        categories=categories,
        capabilities=("text_generation",),
        models=(),
        cost=None,
        region=None,
        max_characters=None,
        sources=(),
        provenance={},
    )


def _score(total: float) -> Score:
    return Score(total=total, base=0, response=0, reliability=total, samples=0, successes=0, latency_s=1)


@st.composite
def candidates(draw: st.DrawFn) -> list[Candidate]:
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=6))
    return [
        Candidate(
            provider=_provider(
                name,
                draw(st.sampled_from([True, True, True, False])),
                draw(st.sampled_from(["primary", "secondary", "fallback"])),
                draw(st.sampled_from([("ai",), ("ai", "translation"), ("translation",)])),
            ),
            score=_score(draw(st.sampled_from([0.0, 50.0, 54.0, 55.0, 60.0, 99.9, 100.0]))),
            breaker="closed",
            refusal=draw(st.sampled_from([None, None, None, "breaker", "cooling"])),
            missing=draw(st.sampled_from([None, None, None, "KEY"])),
        )
        for name in names
    ]


orders = st.sampled_from(list(ORDERS.values()))
prefers = st.lists(st.sampled_from(NAMES), unique=True, max_size=3)
leaders = st.none() | st.builds(
    Leader, provider=st.sampled_from(NAMES), challenger=st.sampled_from(NAMES), evaluations=st.integers(0, 1)
)
OPERATION = Operation(kind="chat", category="ai")


@given(data=st.data(), found=candidates(), order=orders, prefer=prefers, leader=leaders)
def test_the_sequence_of_the_candidates_does_not_matter(
    data: st.DataObject, found: list[Candidate], order: Any, prefer: list[str], leader: Leader | None
) -> None:
    shuffled = data.draw(st.permutations(found))

    first = decide(found, OPERATION, order=order, prefer=prefer, leader=leader)
    second = decide(shuffled, OPERATION, order=order, prefer=prefer, leader=leader)

    assert first == second


@given(found=candidates(), order=orders, prefer=prefers, leader=leaders)
def test_everybody_is_in_the_plan_or_left_out_and_never_both(
    found: list[Candidate], order: Any, prefer: list[str], leader: Leader | None
) -> None:
    decision = decide(found, OPERATION, order=order, prefer=prefer, leader=leader)

    planned = [choice.candidate for choice in decision.plan]
    left = [out.candidate for out in decision.excluded]
    assert sorted([*planned, *left], key=lambda c: c.provider.id) == sorted(found, key=lambda c: c.provider.id)
    assert all(out.reason for out in decision.excluded)
    assert [choice.rank for choice in decision.plan] == list(range(1, len(planned) + 1))


@given(found=candidates(), order=orders, prefer=prefers, leader=leaders)
def test_only_who_may_be_called_is_planned(
    found: list[Candidate], order: Any, prefer: list[str], leader: Leader | None
) -> None:
    for choice in decide(found, OPERATION, order=order, prefer=prefer, leader=leader).plan:
        one = choice.candidate
        assert one.provider.enabled
        assert "ai" in one.provider.categories
        assert (one.refusal, one.missing, one.held) == (None, None, None)


@given(found=candidates(), order=orders, prefer=prefers, leader=leaders)
def test_behind_the_leader_the_order_is_prefer_then_the_key_then_the_id(
    found: list[Candidate], order: Any, prefer: list[str], leader: Leader | None
) -> None:
    rest = [c.candidate for c in decide(found, OPERATION, order=order, prefer=prefer, leader=leader).plan[1:]]

    keys = [
        (
            prefer.index(c.provider.id) if c.provider.id in prefer else len(prefer),
            order(c.provider, c.score.total),
            c.provider.id,
        )
        for c in rest
    ]
    assert keys == sorted(keys)


@settings(max_examples=200)
@given(rounds=st.lists(st.tuples(*[st.floats(0, 100)] * 3), min_size=2, max_size=30))
def test_the_leader_changes_only_after_two_evaluations_of_five_points(rounds: list[tuple[float, ...]]) -> None:
    leader: Leader | None = None
    ahead: list[str | None] = []
    for totals in rounds:
        found = [
            Candidate(provider=_provider(name, True, "primary", ("ai",)), score=_score(total), breaker="closed")
            for name, total in zip(NAMES[:3], totals, strict=True)
        ]
        before = leader
        decision = decide(found, OPERATION, order=ORDERS["priority"], leader=leader)
        leader = decision.leader
        assert leader is not None
        assert decision.plan[0].candidate.provider.id == leader.provider
        by_name = {c.provider.id: c.score.total for c in found}
        best = min(by_name, key=lambda name: (-by_name[name], name))
        if before is not None:
            ahead.append(best if by_name[best] - by_name[before.provider] >= LEAD_POINTS else None)
        if before is not None and leader.provider != before.provider:
            assert ahead[-2:] == [leader.provider, leader.provider]
            ahead = []
        elif len(ahead) >= 2 and ahead[-1] is not None:
            assert ahead[-2] != ahead[-1], "two evaluations in a row must be enough"
