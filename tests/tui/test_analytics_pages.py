"""What Analytics says, without a terminal."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import pytest
from tests.tui import past_scene
from tests.tui.scene import NOW, scene

from provider_console.console.history_views import HistoryView, ProviderHistory, culprits
from provider_console.console.views import PeriodFigures
from provider_console.tui.changes import HistoryRead
from provider_console.tui.glyphs import ASCII, UNICODE, in_ascii
from provider_console.tui.ink import Line, plain, width_of
from provider_console.tui.pages import analytics, curves, failures, past, period, trends, verdict
from provider_console.tui.pages.analytics import Sort
from provider_console.tui.pages.curves import Curve
from provider_console.tui.reduce import reduce
from provider_console.tui.state import PERIODS_KEPT, Asked, State

WIDTHS = [60, 78, 80, 92, 100, 116, 120, 200]
DAY = Asked("24h")


def text(lines: object) -> str:
    return "\n".join(plain(each) for each in lines)  # type: ignore[attr-defined]


def figures(requests: int, success: float, p95: float | None = 400.0, **more: Any) -> PeriodFigures:
    return PeriodFigures(
        total_requests=requests,
        success_rate=success,
        average_response_time=p95,
        p50=p95,
        p95=p95,
        p99=p95,
        **more,
    )


def provider(name: str, now: PeriodFigures | None, before: PeriodFigures | None = None) -> ProviderHistory:
    return ProviderHistory(provider=name.lower(), name=name, figures=now, before=before, trend=())


def view(*providers: ProviderHistory, **changed: Any) -> HistoryView:
    some = [one.figures for one in providers if one.figures is not None]
    earlier = [one.before for one in providers if one.before is not None]
    made = past_scene.history()
    return msgspec.structs.replace(
        made,
        providers=providers,
        total=some[0] if some else None,
        before=earlier[0] if earlier else None,
        **changed,
    )


def read(state: State | None = None) -> State:
    """Everything that the pages of the past need."""
    state = state or scene()
    month = past.month_of("openai")
    change = HistoryRead(
        month, past_scene.history(providers=("openai",), since="30d"), past_scene.outages("openai", since="30d")
    )
    return reduce(state, change)


# --- the verdict ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "before", "worse", "better"),
    [
        (figures(1000, 97.0), figures(1000, 99.7), True, False),
        (figures(1000, 99.7), figures(1000, 97.0), False, True),
        (figures(1000, 99.4), figures(1000, 99.6), False, False),  # under half a point
        (figures(30, 96.7), figures(30, 100.0), False, False),  # one of thirty is chance
        (figures(12, 50.0), figures(1000, 99.0), False, False),  # too few to say
        (figures(1000, 99.0, 800.0), figures(1000, 99.0, 400.0), True, False),
        (figures(1000, 99.0, 400.0), figures(1000, 99.0, 800.0), False, True),
        (figures(1000, 99.0, 480.0), figures(1000, 99.0, 400.0), False, False),
        (figures(1000, 0.0, None), figures(1000, 99.0, 400.0), True, False),
        (figures(1000, 0.0, None), figures(1000, 0.0, None), False, False),
        (figures(1000, 90.0), None, False, False),
        (None, figures(1000, 90.0), False, False),
    ],
)
def test_worse_is_what_chance_does_not_explain(
    now: PeriodFigures | None, before: PeriodFigures | None, worse: bool, better: bool
) -> None:
    turn = verdict.turn(now, before)

    assert (turn.worse, turn.better) == (worse, better)


def said(shown: HistoryView, width: int = 120) -> str:
    return plain(verdict.sentence(shown, "the 24 h before", width))


def test_the_sentence_names_who_got_worse_and_by_how_much() -> None:
    slow = provider("OpenAI", figures(500, 99.0, 3400.0), figures(500, 99.0, 1600.0))
    quick = provider("Groq", figures(500, 99.9, 300.0), figures(500, 99.9, 300.0))

    assert said(view(slow, quick)) == (
        "OpenAI is getting worse: p95 went from 1.60 to 3.40 s. Groq is fastest and fails least."
    )


def test_the_worst_of_several_is_told_of() -> None:
    a = provider("Acme", figures(500, 99.0, 900.0), figures(500, 99.0, 600.0))
    b = provider("Beta", figures(500, 60.0), figures(500, 99.0))

    assert said(view(a, b)).startswith("Beta and Acme got worse. Beta: success fell from 99.0 to 60.0 %.")


def test_a_narrow_sentence_keeps_what_matters_in_one_row() -> None:
    told = said(past_scene.history(), 78)

    assert told == "LibreTranslate and OpenAI got worse. LibreTranslate: success 99.6 › 88.6 %."


def test_a_period_as_ever_says_that_nobody_got_worse() -> None:
    as_ever = figures(500, 100.0)

    assert said(view(provider("A", as_ever, as_ever), provider("B", as_ever, as_ever))) == (
        "Nobody got worse beyond chance. A is fastest and nobody fails."
    )


def test_a_handful_of_requests_says_nothing_and_says_so() -> None:
    assert said(view(provider("A", figures(16, 68.7), figures(18, 100.0)))) == "Too few requests to say who got worse. "


def test_who_had_too_few_requests_is_not_said_to_be_as_ever() -> None:
    as_ever, few = figures(500, 100.0), figures(14, 100.0)

    assert said(view(provider("A", as_ever, as_ever), provider("B", figures(60, 84.7), few))).startswith(
        "Nobody got worse, of the 1 with enough requests. "
    )


def test_a_first_period_is_compared_with_nothing() -> None:
    assert said(view(provider("A", figures(500, 99.0)))).startswith("Nothing to compare with")


def test_an_empty_period_is_no_period_of_zeros() -> None:
    assert said(view()) == "No request in this period. None in the 24 h before either."
    assert said(view(provider("A", None, figures(40, 99.0)))) == "No request in this period. 40 in the 24 h before."


# --- rows ----------------------------------------------------------------------------------------------------------


def names(sort: Sort, needle: str = "", shown: HistoryView | None = None) -> list[str]:
    return [one.name for one in analytics.entries(shown or past_scene.history(), sort, needle)]


def test_every_column_sorts_the_worst_first() -> None:
    assert names(Sort("success"))[0] == "LibreTranslate"
    assert names(Sort("p95"))[0] == "OpenAI"
    assert names(Sort("p95 change"))[0] == "OpenAI"
    assert names(Sort("success change"))[0] == "LibreTranslate"
    assert names(Sort("cost"))[0] == "Anthropic"
    assert names(Sort("cost"))[-1] == "LibreTranslate"
    assert names(Sort("requests"))[0] == "DeepL"
    assert names(Sort("provider"))[0] == "acme"


def test_a_sort_the_other_way_round_leaves_what_is_not_known_last() -> None:
    assert names(Sort("cost", turned=True))[0] == "Ollama"
    assert names(Sort("cost", turned=True))[-1] == "LibreTranslate"


@pytest.mark.parametrize("width", WIDTHS)
def test_what_can_be_sorted_by_stands_in_the_header(width: int) -> None:
    for key in analytics.sorts(width):
        header = plain(analytics.header(past_scene.history(), Sort(key), width, UNICODE, ruled=False)[0])
        assert header.count("↑") + header.count("↓") == 1


def test_a_filter_keeps_the_providers_of_its_words() -> None:
    assert names(Sort(), "open") == ["OpenAI", "OpenRouter"]
    assert names(Sort(), "nobody") == []


@pytest.mark.parametrize("width", WIDTHS)
def test_rows_fit_and_no_two_figures_touch(width: int) -> None:
    shown = past_scene.history(since="30d")
    axis = analytics.axis_of(shown)
    for one in shown.providers:
        painted = analytics.provider_row(one, axis, width, UNICODE, selected=False, picked=True)
        assert width_of(painted) <= width
        assert f"{one.figures.total_requests:,} " in plain(painted)  # type: ignore[union-attr]


def test_a_provider_without_a_request_has_dashes() -> None:
    gone = provider("Gone", None, figures(40, 99.0))
    shown = view(gone, provider("A", figures(40, 99.0)))
    painted = plain(analytics.provider_row(gone, analytics.axis_of(shown), 120, UNICODE, selected=False, picked=False))

    assert painted.split() == ["·", "Gone", *"–––––––"]


def test_the_range_stands_on_the_axis_of_all() -> None:
    axis = curves.range_of([100.0, 10_000.0])
    fast = plain(curves.ranged(100.0, 1000.0, 10_000.0, axis, 21, UNICODE))

    assert fast == "●" + "━" * 10 + "╌" * 10
    assert plain(curves.ticks(axis, 21)) == "0.1       1      10 s"


# --- lines ---------------------------------------------------------------------------------------------------------


def test_failure_rates_on_a_log_scale_are_told_apart() -> None:
    scale = curves.logarithmic([0.0, 0.2, 0.6, 12.0])

    places = [scale.place(rate) for rate in (0.0, 0.2, 0.6, 12.0, 100.0)]
    assert places == sorted(set(places))
    assert places[0] == 0.0
    assert places[-1] == 1.0
    assert scale.place(0.6) - scale.place(0.2) > 0.1


@pytest.mark.parametrize("style", ["braille", "block"])
def test_the_chosen_line_is_drawn_over_the_others(style: str) -> None:
    same = [1.0, 2.0, 3.0]
    shown = [Curve("other", same, "3.00"), Curve("mine", same, "3.00", chosen=True)]

    lines = curves.curves(shown, curves.linear(same), width=50, height=6, glyphs=UNICODE, style=style)

    inks = [span.ink for each in lines for span in each if span.ink in ("accent", "faint") and span.text.strip()]
    assert "accent" in inks
    drawn = [
        span for each in lines for span in each if span.ink == "faint" and any(ord(mark) > 0x2800 for mark in span.text)
    ]
    assert style == "block" or drawn == []


def test_names_at_the_ends_of_lines_that_meet_stand_below_each_other() -> None:
    shown = [Curve(name, [1.0, 1.0], "1.00", name == "c") for name in "abc"]

    lines = curves.curves(shown, curves.linear([1.0]), width=40, height=4, glyphs=UNICODE, style="braille")

    ends = [plain(each).split()[-2:] for each in lines if plain(each).endswith("1.00")]
    assert sorted(name for name, _said in ends) == ["a", "b", "c"]


def test_a_step_in_which_nothing_happened_has_no_line() -> None:
    shown = past_scene.history()
    some = shown.providers[0].trend[3:5]

    values = trends.steps(shown, some, trends.failure_rate)

    assert [value is not None for value in values].count(True) == 2
    assert values[0] is None
    assert len(values) == 25


def test_nothing_measured_is_said() -> None:
    shown = view(provider("A", figures(1, 100.0)))

    assert "nothing was measured" in text(trends.charts(shown, shown.providers, "a", scene(), 120, 10, UNICODE))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("rows", [3, 6, 11, 26])
def test_charts_fit_their_room(width: int, rows: int) -> None:
    shown = past_scene.history()
    picked = trends.drawn(shown, [one.provider for one in shown.providers], "openai")

    lines = trends.charts(shown, picked, "openai", scene(), width, rows, UNICODE)

    assert len(picked) == trends.DRAWN
    assert len(lines) <= rows
    assert all(width_of(each) <= width for each in lines)


# --- what failed, and one provider ---------------------------------------------------------------------------------


def test_error_classes_say_what_reached_the_caller_and_who_they_came_from() -> None:
    shown = past_scene.history()

    told = text(failures.errors(shown, 120, 5, UNICODE))

    assert "262 failed requests · 244 absorbed, 18 reached the caller" in told
    assert "8 failed" in told
    assert "OpenAI 44 · Mistral 22" in told
    assert culprits(shown, "rate_limited") == [("OpenAI", 29), ("Groq", 23)]


def test_no_failure_is_said() -> None:
    assert "no request failed" in text(failures.errors(view(provider("A", figures(9, 100.0))), 120, 5, UNICODE))


@pytest.mark.parametrize("width", [56, 74, 96, 116, 196])
def test_the_page_of_a_provider_fits(width: int) -> None:
    shown = past_scene.history()
    lines = past.page(shown.providers[1], shown, DAY, read(), width, UNICODE)

    assert all(width_of(each) <= width for each in lines)
    told = text(lines)
    assert "success fell from 99.7" in told
    assert "2 outages" in told


def test_what_is_no_longer_kept_is_said_whole_on_a_narrow_page() -> None:
    month = past.month_of("openai")
    note = "checks are kept since 2026-10-26 15:00 UTC (history.keep_attempts)"
    outages = msgspec.structs.replace(past_scene.outages("openai"), notes=(note,))
    shown = past_scene.history()
    state = reduce(scene(), HistoryRead(month, past_scene.history(providers=("openai",), since="30d"), outages))

    told = text(past.page(shown.providers[1], shown, DAY, state, 56, UNICODE))

    assert note in " ".join(told.split())


def test_a_provider_without_a_request_in_the_period_still_has_its_page() -> None:
    told = text(past.page(provider("OpenAI", None), view(), DAY, read(), 116, UNICODE))

    assert "No request in this period." in told
    assert "2 outages" in told


@pytest.mark.parametrize("width", [56, 78, 116, 196])
def test_a_comparison_says_whom_it_has_no_room_for(width: int) -> None:
    shown = past_scene.history()

    lines = past.comparison(shown.providers, shown, DAY, scene(), width, UNICODE)

    assert all(width_of(each) <= width for each in lines)
    assert ("more have no room here" in text(lines)) is (width < 14 + 22 * len(shown.providers))


def test_every_mark_of_the_pages_has_an_ascii_one() -> None:
    shown, state = past_scene.history(), read(scene(glyphs="ascii"))
    axis = analytics.axis_of(shown)
    lines: list[Line] = [
        verdict.sentence(shown, "the 24 h before", 78),
        *analytics.header(shown, Sort(), 120, ASCII, ruled=True),
        *(analytics.provider_row(one, axis, 120, ASCII, selected=True, picked=True) for one in shown.providers),
        analytics.total_row(shown, 120, ASCII),
        *trends.charts(shown, shown.providers, "openai", state, 120, 12, ASCII),
        *failures.errors(shown, 120, 5, ASCII),
        *past.page(shown.providers[1], shown, DAY, state, 116, ASCII),
    ]
    assert in_ascii(text(lines)).isascii()


# --- which period --------------------------------------------------------------------------------------------------


def test_a_typed_period_is_a_span_or_two_moments() -> None:
    assert period.parsed("3d") == ("3d", None)
    since, until = period.parsed("2026-11-01 to 2026-11-08T12:00+00:00")
    assert since.startswith("2026-11-01T00:00:00")
    assert until == "2026-11-08T12:00:00+00:00"


@pytest.mark.parametrize("typed", ["", "soon", "3", "to", "2026-13-01", "2026-11-01 to", "3d to never", "\0"])
def test_what_is_no_period_is_refused_with_an_example(typed: str) -> None:
    assert "2026-11-01 to 2026-11-08T12:00" in (period.problem_of(typed) or "")


def test_the_key_goes_through_the_periods_and_keeps_the_kind() -> None:
    asked, seen = Asked("5m", category="ai", kind="chat"), []
    for _ in range(5):
        seen.append(asked.since)
        asked = analytics.beside(asked, 1)

    assert seen == ["5m", "1h", "24h", "7d", "30d"]
    assert asked == Asked("5m", category="ai", kind="chat")
    assert analytics.beside(Asked("2026-11-01", "2026-11-08"), 1).since == "5m"


def test_the_state_keeps_the_last_periods_only() -> None:
    state = State(now=NOW)
    for number in range(PERIODS_KEPT + 5):
        state = reduce(state, HistoryRead(Asked(f"{number}m"), past_scene.history(), past_scene.outages("openai")))

    assert len(state.history) == len(state.outages) == PERIODS_KEPT
    assert Asked("5m") in state.history
    assert Asked("4m") not in state.history


@pytest.mark.parametrize(
    ("since", "until", "said"),
    [
        ("2026-11-24T20:00:00Z", "2026-11-25T20:24:00Z", "24 Nov 20:00 to 25 Nov 20:24"),
        ("2026-11-25T19:24:00Z", "2026-11-25T20:24:00Z", "19:24 to 20:24"),
        ("2026-11-23T08:00:00Z", "2026-11-23T09:30:00Z", "23 Nov 08:00 to 09:30"),
    ],
)
@pytest.mark.usefixtures("utc")
def test_a_period_names_both_days_where_they_differ(since: str, until: str, said: str) -> None:
    shown = msgspec.structs.replace(view(), since=since, until=until)

    assert analytics.moments(shown, datetime.fromisoformat("2026-11-25T20:24:00Z").timestamp()) == said
