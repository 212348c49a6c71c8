"""What Execution says, without a terminal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from tests.tui.execution_scene import (
    ATTEMPTS,
    ID,
    NOW,
    PROVIDERS,
    SAVED,
    attempt,
    entry,
    executed,
    others,
    report,
    running,
    summary,
)
from tests.tui.scene import scene

from provider_console.console.events import ExecutionEnded, ExecutionStarted
from provider_console.console.views import ExecutionReport, Left
from provider_console.sdk.provider import Cost
from provider_console.tui.changes import ContentArrived, OlderRead, ReportRead
from provider_console.tui.glyphs import ASCII, UNICODE, in_ascii
from provider_console.tui.ink import Line, line, plain, width_of
from provider_console.tui.pages import execution, order, recent, result, waterfall
from provider_console.tui.pages.trace import Trace, trace_of
from provider_console.tui.reduce import reduce
from provider_console.tui.state import REPORTS_KEPT, TEXT_KEPT, State

SIZES = [60, 72, 80, 90, 99, 100, 110, 116, 118, 120, 160, 200]


def text(lines: object) -> str:
    return "\n".join(plain(each) for each in lines)  # type: ignore[attr-defined]


def trace(state: State | None = None) -> Trace:
    found = trace_of(ID, executed() if state is None else state, NOW)
    assert found is not None
    return found


def sentence(which: ExecutionReport) -> str:
    state = executed(which)
    return plain(execution.sentence(trace(state), state))


REFUSED = attempt("openai", 1, 0.0, 1.12, error_class="server_error", http_status=503)
ENDINGS = [
    (SAVED, "Saved by fallback: DeepL answered on the 7th attempt, after 6.02 s."),
    (report("ok", attempt("deepl", 1, 0.0, 0.27), provider="deepl"), "DeepL answered at once, in 270 ms."),
    (
        report("ok", REFUSED, attempt("openai", 2, 2.0, 0.5, 0.88), provider="openai"),
        "OpenAI answered on the 2nd attempt, after 2.50 s.",
    ),
    (report("failed", *ATTEMPTS[:6]), "Failed: 6 attempts at 2 providers and no answer, after 5.72 s."),
    (report("failed", REFUSED), "Failed: OpenAI was asked once, for 1.12 s."),
    (report("failed"), "Failed: nobody could be asked."),
    (report("partial", REFUSED), "Broken off: OpenAI stopped in the middle, after 1.12 s."),
    (
        report("cancelled", attempt("openai", 1, 0.0, 2.1, status="cancelled")),
        "Cancelled after 2.10 s, in attempt 1 at OpenAI.",
    ),
    (report("cancelled"), "Cancelled after 0 ms, before anybody was asked."),
    (
        report("outcome_unknown", REFUSED),
        "Outcome unknown: OpenAI may have done it, so nobody was asked again.",
    ),
    (report("unknown_crashed"), "Outcome unknown: the console stopped before it ended."),
]


@pytest.mark.parametrize(("which", "said"), ENDINGS, ids=[said.partition(" ")[0] for _, said in ENDINGS])
def test_every_ending_has_its_sentence(which: ExecutionReport, said: str) -> None:
    assert sentence(which) == said


def test_what_runs_says_who_is_asked_or_waited_for() -> None:
    asked = running(REFUSED, under=("openai", 2, 1.5))
    assert plain(execution.sentence(trace(asked), asked)) == "OpenAI is asked in the 2nd attempt, 2.40 s in all."

    waits = running(REFUSED, under=None)
    assert plain(execution.sentence(trace(waits), waits)) == "Waiting for 1.28 s since attempt 1 at OpenAI."

    begun = running(under=None)
    assert plain(execution.sentence(trace(begun), begun)) == "Running: nobody has been asked yet, for 2.40 s."


def test_a_failed_execution_says_what_to_try_first() -> None:
    state = executed(report("failed", REFUSED, hint="openai cannot be reached; look at its address"))

    assert "First: OpenAI cannot be reached" in text(execution.headline(trace(state), state, 120, ()))


# --- the waterfall -------------------------------------------------------------------------------------------------


def waterfall_text(state: State, width: int = 120) -> list[str]:
    shown = trace(state)
    lines: list[Line] = [*waterfall.header(shown, width, UNICODE)]
    for place in range(len(shown.calls)):
        lines.append(waterfall.attempt_row(shown, place, state, width, UNICODE, selected=False))
        below = waterfall.below(shown, place, state, width, UNICODE)
        lines += [] if below is None else [below]
    return [plain(each) for each in lines]


def test_the_waterfall_stands_where_the_design_puts_it() -> None:
    said = waterfall_text(executed())

    assert said[0].startswith("  Attempts              0 s")
    assert said[0].index("6.02 s") + len("6.02 s") == 92
    assert said[0].index("Outcome") == 96
    assert said[2].startswith("  OpenAI             1  ▆▆▆▆▆▆▆▆▆▆▆▆▆ 1.12 s")
    assert said[2].endswith("× server_error 503")
    assert "╌╌ wait 1.31 ╌╌▆▆▆ 0.23 s" in said[4]
    assert said[4].endswith("◐ rate_limited 429")
    assert said[-1].endswith("● ok")


def test_each_hop_has_its_reason_at_the_moment_it_happened() -> None:
    said = waterfall_text(executed())
    hops = [line for line in said if "↳" in line]

    assert len(hops) == 2
    assert "asked to wait 20 s" in hops[0]
    assert "3 failures opened its breaker" in hops[1]
    assert hops[0].index("↳") < hops[1].index("↳")
    assert abs(hops[0].index("↳") - said[6].index("▆")) <= 2


def test_who_was_passed_over_is_said_at_the_hop() -> None:
    left = (Left(provider="openai", reason="attempts exhausted"), Left(provider="gemini", reason="budget"))
    state = executed(report("ok", REFUSED, attempt("deepl", 1, 1.2, 0.3), provider="deepl", left=left))

    hop = waterfall.hop_words(trace(state), 0, state)

    assert hop == "one attempt, no more allowed · Gemini: no retry budget left"


def test_the_last_one_left_hands_over_to_nobody() -> None:
    state = executed(report("failed", REFUSED, left=(Left(provider="openai", reason="deadline"),)))

    assert "no time left before the deadline" in waterfall_text(state)[-1]
    assert "↳" not in waterfall_text(state)[-1]


@pytest.mark.parametrize("width", SIZES)
def test_no_line_is_wider_than_the_page(width: int) -> None:
    for state in (executed(), running(REFUSED, under=("openai", 2, 1.5)), running(REFUSED, under=None)):
        shown = trace(state)
        lines = [
            *execution.headline(shown, state, width, ()),
            *waterfall.header(shown, width, UNICODE),
            *(waterfall.attempt_row(shown, at, state, width, UNICODE, selected=True) for at in range(len(shown.calls))),
            *execution.sections(shown, 0, state, width, 60, UNICODE, moved=True),
            *recent.header(width, UNICODE),
            *(recent.entry_row(each, state, width, UNICODE, selected=False) for each in others(5)),
            *order.explained(order.order_of(shown), shown, state, width, UNICODE),
        ]
        assert max(map(width_of, lines)) <= width


@given(st.floats(0.1, 3_600_000), st.integers(15, 180))
def test_an_axis_has_few_ticks_that_rise_and_stay_on_it(total_ms: float, cells: int) -> None:
    axis = waterfall.Axis(total_ms, cells)
    steps = axis.steps(waterfall.TICKS)

    assert len(steps) <= cells / waterfall.TICKS
    assert steps == sorted(steps)
    assert all(0 < moment <= total_ms for moment in steps)
    assert [axis.at(0.0), axis.at(total_ms), axis.at(total_ms * 2)] == [0, cells, cells]


@given(st.lists(st.tuples(st.floats(0, 30), st.floats(0, 30)), min_size=1, max_size=12), st.sampled_from(SIZES))
def test_every_attempt_has_at_least_a_cell_of_work(spans: list[tuple[float, float]], width: int) -> None:
    at, attempts = 0.0, []
    for number, (took, wait) in enumerate(spans, 1):
        at += wait
        attempts.append(attempt("openai", number, at, took, wait, error_class="timeout"))
        at += took
    state = executed(report("failed", *attempts))
    shown = trace(state)
    for place in range(len(attempts)):
        row = waterfall.attempt_row(shown, place, state, width, UNICODE, selected=False)
        assert "▆" in plain(row)
        assert width_of(row) <= width


def test_work_and_wait_and_the_shortest_path_are_summed() -> None:
    state = executed()

    wide = text(waterfall.total(trace(state), state, 120, UNICODE))
    assert "2.48 s work" in wide
    assert "3.54 s wait" in wide
    assert "takes 0.27 s" in wide
    narrow = text(waterfall.total(trace(state), state, 80, UNICODE))
    assert "2.48 s work  3.54 s wait · DeepL alone takes 0.27 s" in narrow


@pytest.mark.parametrize("which", [report for report, _ in ENDINGS[1:]], ids=[said for _, said in ENDINGS[1:]])
def test_outcomes_are_told_apart_without_colour(which: ExecutionReport) -> None:
    state = executed(which)
    for make in (lambda line: plain(line), lambda line: in_ascii(plain(line))):
        shown = make(tuple(execution.sentence(trace(state), state)))
        assert shown not in {make(tuple(execution.sentence(trace(executed(other)), executed(other))))
                             for other, _ in ENDINGS if other is not which}  # fmt: skip


def test_the_marks_of_outcomes_differ_in_ascii_too() -> None:
    outcomes = ("ok", "server_error", "rate_limited", "authentication", "cancelled", "running")
    for glyphs in (UNICODE, ASCII):
        from provider_console.tui.pages.trace import mark

        assert len({mark(outcome, glyphs).text for outcome in outcomes}) == len(outcomes)


# --- the selected attempt, the order, the result -------------------------------------------------------------------


def test_an_attempt_speaks_for_itself() -> None:
    state = executed()

    said = text(execution.own_words(trace(state), 2, state, 120, UNICODE))

    assert "◐ OpenAI, attempt 3  rate_limited 429" in said
    assert "at 3.82 s" in said
    assert "Rate limit reached for gpt-5-mini · code rate_limit_exceeded · asked to wait 20 s" in said
    assert "waited 1.31 s before it · took 230 ms of the 15 s it is given · absorbed: the caller got an answer" in said


def test_the_order_is_explained_by_its_terms() -> None:
    state = executed()

    said = text(order.page(order.order_of(trace(state)), trace(state), state, 120, UNICODE, beside=()))

    assert "1 OpenAI            primary     90  40.0 ━━━━━━━━━━━━  20.9 ━━━━━━╌╌╌  29.0 ━━━━━━━━╸  primary tier" in said
    assert "best score, but fallback tier" in said
    assert "left out: no credential A_KEY" in said
    assert "Groq, Ollama: category is ai, lacks translate en›es" in said


def test_a_bar_is_full_only_where_the_term_is() -> None:
    state = executed(msgspec.structs.replace(SAVED, plan=(entry("deepl", 1, 29.9, 30.0, "tier primary"),)))

    said = text(order.page(order.order_of(trace(state)), trace(state), state, 120, UNICODE, beside=()))

    assert "29.9 ━━━━━━━━╸  30.0 ━━━━━━━━━" in said


def test_what_would_change_the_order_is_said() -> None:
    state = executed()

    said = text(order.explained(order.order_of(trace(state)), trace(state), state, 120, UNICODE))

    assert "OpenAI came first. Then LibreTranslate, DeepL" in said
    assert "LibreTranslate    first, if its tier were primary, or the order `score`" in said
    assert "Azure OpenAI      in the order, once A_KEY is stored" in said
    assert "OpenAI            90 then, 78 now" in said


def test_a_narrow_order_says_what_became_of_each() -> None:
    state = executed()

    said = text(order.page(order.order_of(trace(state)), trace(state), state, 80, UNICODE, beside=()))

    assert "40 + 20.9 + 29.0  3 attempts, rate_limited" in said
    assert "answered" in said


def test_the_result_says_how_much_it_is_and_what_it_cost() -> None:
    state = executed()

    said = text(result.brief(trace(state), state, 120, 5, UNICODE))

    assert "296 characters · 1,240 characters charged · $0.0248 · from en" in said
    assert "La reserva queda confirmada" in said


def test_a_result_without_text_is_shown_as_what_it_is() -> None:
    state = executed(msgspec.structs.replace(SAVED, result={"vectors": [[0.5, 0.25]], "units": {"inputTokens": 2.0}}))

    assert '"vectors"' in (result.text_of(trace(state)) or "")
    assert "2 input tokens" in plain(result.facts(trace(state), state))


def test_a_result_of_ten_megabytes_is_bounded() -> None:
    state = executed(msgspec.structs.replace(SAVED, result={"text": "palabra " * 1_300_000}))

    assert len(result.text_of(trace(state)) or "") == TEXT_KEPT
    assert "the first 1,048,576 characters" in plain(result.facts(trace(state), state))
    assert len(result.brief(trace(state), state, 120, 5, UNICODE)) == 7


@given(
    st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=300), st.integers(2, 40)
)
def test_text_is_broken_without_loss(content: str, cells: int) -> None:
    lines = result.broken(content, cells)

    assert "".join("".join(lines).split()) == "".join(content.split())
    assert all(cell_len(line) <= cells for line in lines if len(line) > 1)


@pytest.mark.parametrize(("width", "room"), [(80, 3), (80, 8), (80, 12), (120, 22), (120, 60), (60, 5)])
def test_the_sections_keep_to_their_room(width: int, room: int) -> None:
    for moved in (False, True):
        state = executed()
        assert len(execution.sections(trace(state), 2, state, width, room, UNICODE, moved=moved)) <= room


def test_a_chosen_attempt_is_heard_even_on_a_small_terminal() -> None:
    state = executed()

    assert "Rate limit reached" in text(execution.sections(trace(state), 2, state, 80, 9, UNICODE, moved=True))


# --- the list ------------------------------------------------------------------------------------------------------


def test_the_list_is_newest_first_with_a_mark_for_each_attempt() -> None:
    state = executed()
    known = recent.entries(state)

    assert known[0].execution_id == ID
    said = plain(recent.entry_row(known[0], state, 80, UNICODE, selected=False))
    assert "translate      ××◐×××●" in said
    assert said.rstrip().endswith("6.02")


@pytest.mark.parametrize(
    ("needle", "count"),
    [("embed", 2), ("failed", 2), ("cancelled", 2), ("saved fallback", 5), (ID.lower(), 1), ("xyzzy", 0)],
)
def test_the_list_is_filtered_by_what_stands_in_it(needle: str, count: int) -> None:
    assert len(recent.entries(executed(), needle)) == count


def test_what_runs_stands_in_the_list_until_its_row_is_stored() -> None:
    state = running(REFUSED, under=None)
    assert recent.entries(state)[0].status == "running"
    ended = reduce(state, ExecutionEnded(at=NOW, report=SAVED))
    assert recent.entries(ended)[0].status == "ok"
    assert len(recent.entries(replace(ended, recent=(summary(SAVED), *ended.recent)))) == 12


def test_how_many_there_are_is_said_only_where_all_are_known() -> None:
    # It once said "108 of 203" of a million that were stored: of those that it had read.
    state = executed()
    known = recent.entries(state)
    first = known[0].execution_id
    assert plain(recent.place_of(first, known, every=True)) == f"1 of {len(known)}"
    assert plain(recent.place_of(first, known, every=False)) == f"1 of the last {len(known)}"
    assert "of the last" in plain(recent.headline(state, known, "", 120, every=False)[0])
    assert "of the last" not in plain(recent.headline(state, known, "", 120, every=True)[0])


@pytest.mark.parametrize(
    ("looked", "every", "said"),
    [
        (None, False, "Looking through what is stored   / zzz"),
        (10_100, False, "Filter found nothing   / zzz matches none of the last 10,100."),
        (450, True, "Filter found nothing   / zzz matches no execution."),
    ],
)
def test_a_filter_that_found_nothing_says_how_far_it_looked(looked: int | None, every: bool, said: str) -> None:
    assert said in plain(recent.headline(executed(), [], "zzz", 120, every=every, looked=looked)[0])


# --- the state -----------------------------------------------------------------------------------------------------


def test_a_report_that_was_read_is_kept_and_the_oldest_goes() -> None:
    state = executed()
    for number in range(REPORTS_KEPT + 5):
        state = reduce(state, ReportRead(msgspec.structs.replace(SAVED, execution_id=f"E{number}")))

    assert len(state.reports) == REPORTS_KEPT
    assert ID not in state.reports


def test_older_executions_are_added_once() -> None:
    state = executed()
    state = reduce(state, OlderRead(others(20)))

    assert len(recent.entries(state)) == 21


def test_streamed_content_is_shown_while_it_arrives_and_bounded() -> None:
    state = reduce(running(under=("openai", 1, 0.1)), ContentArrived(ID, "Because of "))
    state = reduce(state, ContentArrived(ID, "Rayleigh scattering."))

    assert result.text_of(trace(state)) == "Because of Rayleigh scattering."
    assert "31 characters so far" in plain(result.facts(trace(state), state))
    assert "OpenAI answers, 31 characters so far" in plain(execution.sentence(trace(state), state))
    assert len(trace(reduce(state, ContentArrived(ID, "x" * 2 * TEXT_KEPT))).text) == TEXT_KEPT


def test_a_reference_names_the_whole_and_not_its_pieces() -> None:
    piece = ExecutionStarted(
        at=NOW, execution_id="piece", operation="t", category="c", providers=(), parent=ID, reference="mine"
    )
    state = reduce(running(under=None), piece)

    assert [key for key, run in state.runs.items() if run.reference == "mine"] == [ID]


def test_one_that_began_before_anybody_listened_is_not_called_failed() -> None:
    begun = report("failed", REFUSED)
    known = msgspec.structs.replace(summary(begun), status=None, elapsed_ms=None)
    state = reduce(scene(PROVIDERS, recent=(known,)), ReportRead(begun))

    assert trace(state).running


@pytest.mark.parametrize("change", [lambda state: replace(state, open=True), lambda state: replace(state, open=False)])
def test_an_empty_mode_says_what_to_do(change: Callable[[State], State]) -> None:
    said = text(execution.empty(change(scene(PROVIDERS)), 80))
    assert "Nothing has been executed yet. n makes the first one." in said or "Starting." in said


def test_a_peer_that_is_ahead_by_too_little_is_not_said_to_have_the_same_score() -> None:
    state = scene(tuple(msgspec.structs.replace(each, tier="primary") for each in PROVIDERS))
    plan = (
        entry("openai", 1, 25.9, 29.2, "tier primary, score 95.1"),
        entry("libretranslate", 2, 30.0, 28.7, "tier primary, score 98.7"),
        entry("deepl", 3, 25.9, 29.2, "tier primary, score 95.1"),
    )
    known = order.Order(plan, ())

    assert [order.why_words(each, known, state) for each in plan] == [
        "keeps the lead",
        "not 5 ahead, twice",
        "same score",
    ]


@pytest.mark.parametrize(
    ("price", "said"), [(20.0, "$0.0248"), (0.0, "$0.0000"), (0.01, "$0.000012"), (0.0004, "$0.00000050")]
)
def test_a_cost_that_is_very_small_is_not_shown_as_nothing(price: float, said: str) -> None:
    state = executed()
    priced = msgspec.structs.replace(state.providers["deepl"], cost=Cost(input=price, output=0.0))
    state = replace(state, providers={**state.providers, "deepl": priced})

    assert said in plain(result.facts(trace(state), state))


def test_a_long_sentence_leaves_the_place_of_the_execution_apart() -> None:
    state = executed()
    first = plain(execution.headline(trace(state), state, 80, line("148 of 264"))[0])
    assert "  148 of 264" in first
