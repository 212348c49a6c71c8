"""What Health says, without a terminal."""

from __future__ import annotations

import re
from dataclasses import replace

import msgspec
import pytest
from tests.tui.activity_scene import ALERTS
from tests.tui.scene import COVERAGE, DOWN, KEYLESS, NOW, PROVIDERS, SLOW, check, provider, scene
from tests.tui.scene import health as health_of

from provider_console.console.events import AlertFired, HealthChecked
from provider_console.console.views import CredentialView, HealthState, iso
from provider_console.sdk.provider import Cost
from provider_console.tui.changes import CheckAsked, Checked, ProvidersRead, Read, Ticked, Unanswered
from provider_console.tui.glyphs import ASCII, UNICODE, in_ascii
from provider_console.tui.ink import plain, width_of
from provider_console.tui.pages import coverage, detail, frame, headline, health, portrait, strips
from provider_console.tui.pages.frame import standing
from provider_console.tui.reduce import may_wait, reduce, routine
from provider_console.tui.state import State

SIZES = [60, 72, 80, 92, 100, 110, 116, 120, 160, 200]


def text(lines: object) -> str:
    return "\n".join(plain(each) for each in lines)  # type: ignore[attr-defined]


def test_the_sentence_comes_from_coverage_and_not_from_counts() -> None:
    said = text(headline.headline(scene(), 120, UNICODE))

    assert "Served, except translate en›sr. 3 of 5 providers need attention." in said
    assert "checked 8 s ago · next in 22 s" in said
    assert (
        "Last 5 min: 99.6 % of 1,284 executions succeeded · 41 saved by fallback · median 0.48 s · cost $1.92" in said
    )


def test_a_clock_that_was_put_back_makes_no_check_that_is_due_in_days() -> None:
    state = replace(scene(), now=NOW - 3 * 86_400)

    for width in (80, 120):
        said = text(headline.headline(state, width, UNICODE))
        assert "next" not in said
        assert "checked" not in said


def test_all_is_served_while_providers_are_down() -> None:
    assert "Everything is served. 3 of 5" in text(headline.headline(scene(coverage=COVERAGE[1:]), 120, UNICODE))


def test_nothing_is_served() -> None:
    assert "Nothing is served." in text(headline.headline(scene(coverage=COVERAGE[:1]), 120, UNICODE))


def test_the_worst_come_first_and_then_the_best_score() -> None:
    rows = health.entries(scene())

    assert [row.name for row in rows] == ["LibreTranslate", "OpenAI", "Gemini", "Apertium", "DeepL"]
    assert [row.group for row in rows] == [0, 0, 0, 1, 1]


def test_rows_without_news_stay_the_very_same_wherever_they_go() -> None:
    before = {row.key: row for row in health.entries(scene())}
    better = provider("OpenAI", score=99.9)
    state = scene(tuple(better if view.id == "openai" else view for view in PROVIDERS))

    rows = health.entries(state, before=before)

    assert rows == health.entries(state)
    assert {row.key for row in rows if row is not before[row.key]} == {"openai"}


def test_a_row_that_is_steady_does_not_know_the_time_and_one_in_trouble_does() -> None:
    state = scene()
    later = reduce(state, Ticked(NOW + 1))
    made = {row.name: (health.made_of(row, state), health.made_of(row, later)) for row in health.entries(state)}

    same = {name: before == after for name, (before, after) in made.items()}
    assert same == {"LibreTranslate": False, "OpenAI": False, "Gemini": False, "Apertium": True, "DeepL": True}


OTHER_HEALTH: tuple[dict[str, object], ...] = (
    {"state": HealthState.UNHEALTHY},
    {"state": HealthState.OFF, "why": "found, not adopted"},
    {"state": HealthState.UNKNOWN, "last_check": None},
    {"why": "quota used"},
    {"why": "slow, p95 up 3.4×"},
    {"score": 71.4},
    {"p50_ms": 977.0},
    {"success_rate": 12.5},
    {"since": iso(NOW - 3_700)},
    {"retry_at": iso(NOW + 47)},
)


@pytest.mark.parametrize("other", OTHER_HEALTH, ids=str)
@pytest.mark.parametrize("tied", [False, True])
def test_a_row_that_is_made_of_the_same_reads_the_same(other: dict[str, object], *, tied: bool) -> None:
    state = scene()
    for row in health.entries(state):
        assert row.view is not None
        changed = msgspec.structs.replace(row.view.health, **other)
        later = replace(row, tied=tied, view=msgspec.structs.replace(row.view, health=changed))
        said, says = (
            health.provider_row(each, state, 160, UNICODE, selected=False) for each in (replace(row, tied=tied), later)
        )

        made, makes = (health.made_of(each, state) for each in (replace(row, tied=tied), later))
        assert made != makes or said == says


def test_a_row_is_made_of_no_state_which_it_would_keep_with_all_that_ran_then() -> None:
    state = scene()

    assert not any(part is state for entry in health.entries(state) for part in health.made_of(entry, state))


def test_a_score_that_fades_behind_its_point_lays_no_row_out_again() -> None:
    state = scene((provider("Apertium", score=96.0),))
    faded = reduce(state, ProvidersRead(NOW, (provider("Apertium", score=95.9, samples=3.1),)))
    (before,), (after,) = health.entries(state), health.entries(faded)

    assert health.made_of(before, state) == health.made_of(after, faded)


def test_a_provider_that_is_read_again_and_says_the_same_stays_the_very_same() -> None:
    state = scene()
    again = tuple(msgspec.structs.replace(view) for view in PROVIDERS)
    worse = provider("OpenAI", score=12.0)

    read = reduce(state, Read(NOW, {"health": health_of(again)}))
    one = reduce(state, ProvidersRead(NOW, tuple(worse if view.id == worse.id else view for view in again)))

    assert all(read.providers[key] is view for key, view in state.providers.items())
    assert {key for key, view in one.providers.items() if view is not state.providers[key]} == {worse.id}
    assert one.providers[worse.id].health.score == 12.0


WELL = (provider("Apertium", score=96.0), provider("DeepL", score=99.1))


def test_where_all_is_well_the_sentence_alone_knows_the_time() -> None:
    state = scene(WELL)
    later = replace(state, now=NOW + 8)

    def page(seen: State) -> str:
        rows = [health.provider_row(entry, seen, 120, UNICODE, selected=False) for entry in health.entries(seen)]
        details = [detail.below(view, seen, 120, 13, UNICODE) for view in seen.providers.values()]
        return text([*rows, *(each for lines in details for each in lines)])

    assert health.calm(state)
    assert page(state) == page(later)
    assert text(headline.headline(state, 120, UNICODE)) != text(headline.headline(later, 120, UNICODE))


def test_whatever_counts_seconds_is_not_calm() -> None:
    assert not health.calm(scene())
    assert not health.calm(reduce(scene(WELL), CheckAsked(NOW, frozenset({"deepl"}))))
    assert not health.calm(
        scene((*WELL, provider("Zeta", HealthState.UNKNOWN, why="not checked yet", last_check=None)))
    )


def test_the_frame_counts_seconds_while_the_engine_is_silent_and_a_while_after_an_alert() -> None:
    state = scene(WELL)
    fired = AlertFired(at=NOW, alert=ALERTS[0])
    rang = reduce(state, fired)

    assert not frame.timed(state)
    assert frame.timed(reduce(state, Unanswered(NOW + 3)))
    assert [frame.timed(replace(rang, now=NOW + later)) for later in (0, 11, 30)] == [True, True, False]


def test_a_check_that_is_near_is_not_counted_to_the_second() -> None:
    passed = HealthChecked(at=NOW, check=check("deepl", NOW))
    state = reduce(scene(WELL), Checked((passed,)))

    assert "checked just now · next in 22 s" in text(headline.headline(state, 120, UNICODE))
    assert "checked just now · next in 18 s" in text(headline.headline(replace(state, now=NOW + 4), 120, UNICODE))
    later = text(headline.headline(replace(state, now=NOW + 19), 120, UNICODE))
    assert "checked 19 s ago" in later
    assert "next in" not in later


def test_what_was_not_asked_anything_was_not_checked() -> None:
    held = HealthChecked(at=NOW, check=check("gemini", NOW, passed=None))

    assert "checked 8 s ago" in text(headline.headline(reduce(scene(), Checked((held,))), 120, UNICODE))


def test_routine_is_what_checks_say_of_providers_that_stay_as_they_are() -> None:
    state = scene(WELL)
    passed = Checked((HealthChecked(at=NOW, check=check("deepl", NOW)),))
    failed = Checked((HealthChecked(at=NOW, check=check("deepl", NOW, passed=False)),))
    slower = ProvidersRead(NOW + 1, (provider("DeepL", score=97.0),))
    down = ProvidersRead(NOW + 1, (provider("DeepL", HealthState.UNHEALTHY),))
    gone = Read(NOW + 1, {"health": msgspec.structs.replace(scene().health, providers=WELL[:1])})

    assert all(routine(state, reduce(state, change)) for change in (Ticked(NOW + 1), passed, slower))
    assert not any(routine(state, reduce(state, change)) for change in (failed, down, gone, Unanswered(NOW + 3)))


def test_the_first_round_is_alphabetical_and_counts() -> None:
    fresh = provider("Zeta", HealthState.UNKNOWN, why="not checked yet", last_check=None)
    state = scene((*PROVIDERS, fresh))

    assert [row.name for row in health.entries(state)][:2] == ["Apertium", "DeepL"]
    said = text(headline.headline(state, 120, UNICODE))
    assert "Checking 6 providers. 5 answered." in said
    assert "5 of 6" in said


def test_names_stand_there_before_the_engine_is() -> None:
    state = State(now=NOW, names=("acme", "DeepL"))

    assert [row.name for row in health.entries(state)] == ["acme", "DeepL"]
    row = health.entries(state)[0]
    assert "checking …" in plain(health.provider_row(row, state, 120, UNICODE, selected=False))


@pytest.mark.parametrize(
    ("needle", "names"), [("deep", ["DeepL"]), ("down", ["LibreTranslate"]), ("trans prim", 5), ("deppl", [])]
)
def test_a_filter_looks_at_names_states_and_kinds(needle: str, names: list[str] | int) -> None:
    found = [row.name for row in health.entries(scene(), needle)]

    assert (len(found) if isinstance(names, int) else found) == names


def test_a_filter_that_finds_nothing_names_the_nearest() -> None:
    said = text(health.nothing_found(scene(), "DeppL", 120))

    assert "matches no provider" in said
    assert "DeepL" in said


@pytest.mark.parametrize("width", SIZES)
def test_every_row_fits_every_width(width: int) -> None:
    state = scene((*PROVIDERS, provider("N" * 500), provider("משרד 🌍 " * 60)))
    for entry in health.entries(state):
        assert width_of(health.provider_row(entry, state, width, UNICODE, selected=True)) <= width
    pages = (headline.headline(state, width, UNICODE), health.header(width, UNICODE, ruled=True))
    for view in state.providers.values():
        pages += (detail.below(view, state, width, 14, UNICODE), detail.brief(view, state, width))
    assert all(width_of(line) <= width for page in pages for line in page)


@pytest.mark.parametrize("width", SIZES)
def test_state_and_name_are_never_left_out(width: int) -> None:
    state = scene()
    said = plain(health.provider_row(health.entries(state)[0], state, width, UNICODE, selected=False))

    assert "LibreTranslate" in said
    assert "down 2 m · retry in 14 s" in said


def test_what_happens_next_is_counted_down() -> None:
    state = scene()

    assert health.state_words(DOWN, state).text == "down 2 m · retry in 14 s"
    assert health.state_words(DOWN, replace(state, now=NOW + 5)).text == "down 2 m · retry in 9 s"
    assert health.state_words(SLOW, state).text == "degraded · p95 up 2.1×"
    assert health.state_words(KEYLESS, state).text == "needs a key"


def test_every_state_is_told_apart_by_its_text_alone() -> None:
    for glyphs in (UNICODE, ASCII):
        marks = {glyphs.of(state.value) for state in HealthState}
        assert len(marks) == len(HealthState)
    row = health.entries(scene())[0]
    assert in_ascii(plain(health.provider_row(row, scene(), 120, ASCII, selected=False))).isascii()


def test_the_detail_says_why_and_what_to_try_first_and_what_breaks() -> None:
    said = text(detail.below(DOWN, scene(), 120, 14, UNICODE))

    assert "network · connection refused · 10.0.4.12:5000 · 4 checks in a row" in said
    assert "Is the server running there? Then press c to check." in said
    assert "translate en›sr has no other provider · 1 more goes to DeepL" in said
    assert "retry in 14 s" in said


@pytest.mark.parametrize("width", [100, 112, 120, 140])
def test_the_credential_of_the_detail_is_never_cut(width: int) -> None:
    key = CredentialView(name="AZURE_TRANSLATOR_KEY", present=True, backend="keyring", age_ms=12 * 86_400_000.0)
    for credential in (key, msgspec.structs.replace(key, present=False, backend=None, age_ms=None)):
        view = msgspec.structs.replace(SLOW, credential=credential)
        lines = detail.below(view, scene((view,)), width, 13, UNICODE)
        said = " ".join(" ".join(plain(each)[min(width * 7 // 10, width - 36) :].split()) for each in lines[3:])
        known = "in keyring, set 12 d ago" if credential.present else "is missing"
        assert f"key AZURE_TRANSLATOR_KEY {known}" in said


def test_what_is_said_of_a_provider_on_a_small_terminal_ends_at_the_margin() -> None:
    view = msgspec.structs.replace(DOWN, health=msgspec.structs.replace(DOWN.health, last_error="refused " * 20))
    assert next(width_of(each) for each in detail.brief(view, scene((view,)), 80)) == 79


def test_the_detail_of_a_wide_terminal_has_the_terms_of_the_score() -> None:
    said = text(portrait.aside(SLOW, scene(), 74, 50, UNICODE))

    assert "28.0 / 30" in said
    assert "OpenAI" in said


def test_coverage_says_what_breaks_without_the_chosen_one() -> None:
    state = scene()

    assert "nobody now · LibreTranslate is the only one and is out" in text(coverage.lines(state, 120, 9, UNICODE))
    assert "1 served by nobody" in plain(coverage.headline(state))
    heir = msgspec.structs.replace(COVERAGE[1], takes_over="apertium", latency_ms=60.0, cost=Cost(input=20.0))
    said = plain(coverage.entry_row(heir, state, 120, UNICODE, chosen="deepl"))
    assert "Apertium takes over · in 0.06 s · 20 a million units" in said
    said = plain(coverage.entry_row(heir, state, 120, UNICODE, chosen="apertium"))
    assert "DeepL serves it anyway" in said
    alone = msgspec.structs.replace(COVERAGE[1], providers=("deepl",), status="breaks if it dies")
    state = replace(state, coverage=(alone, COVERAGE[0]))
    assert "nobody takes over" in plain(coverage.entry_row(alone, state, 120, UNICODE, chosen="deepl"))
    assert "Without DeepL nobody serves translate en›es." in plain(coverage.headline(state, "deepl"))


def test_strips_tell_usual_slow_failed_and_unasked_apart() -> None:
    seen = [check("a", NOW - 9 + at) for at in range(6)]
    seen += [check("a", NOW, latency_ms=500.0), check("a", NOW, passed=False), check("a", NOW, passed=None)]

    assert plain(strips.checks(seen, 12, UNICODE)) == "···▁▁▁▁▁▁▄▇·"
    assert plain(strips.checks(seen, 12, ASCII)) == "...______=%."


def test_the_tally_leaves_out_what_is_zero_and_has_words_where_there_is_room() -> None:
    assert plain(standing(scene(), 120, UNICODE)) == "▼ 1  ◐ 1  ◇ 1  ● 2     production · alice"
    assert plain(standing(scene(), 80, UNICODE)) == "▼1 ◐1 ◇1"
    assert "1 down" in plain(standing(scene(), 200, UNICODE))


def test_trouble_of_the_console_itself_stands_above_the_table() -> None:
    state = scene(config_problem="config.toml:14:9: unknown key max_retrys", store_problem="the disk is full")
    state = reduce(reduce(state, Unanswered(NOW + 3)), Ticked(NOW + 3))
    said = text(frame.banners(state, 120, UNICODE))

    assert "3.0 s without the engine" in said
    assert re.search("config.toml line 14, column 9 +unknown key max_retrys. The last good configuration", said)
    assert re.search("nothing is recorded +the disk is full. The rest goes on", said)
    assert "figures are from" in said


def test_a_problem_that_ends_in_a_question_gets_no_full_stop_behind_it() -> None:
    state = scene(config_problem="config.toml:2:1: engine.max_retrys: is not a known key; did you mean 'max_retries'?")
    said = " ".join(text(frame.banners(state, 120, UNICODE)).split())
    assert "did you mean 'max_retries'? The last good configuration stays in force." in said


# --- the state ---------------------------------------------------------------------------------------------------


def test_a_round_of_checks_counts_down_as_they_answer() -> None:
    state = reduce(scene(), CheckAsked(NOW, frozenset({"deepl", "openai"})))
    assert state.checking is not None
    assert " of 2" not in text(headline.headline(state, 120, UNICODE)), "what takes no time shows no progress"
    state = reduce(state, Ticked(NOW + 2))
    assert "0 of 2" in text(headline.headline(state, 120, UNICODE))

    state = reduce(state, HealthChecked(at=NOW + 2, check=check("deepl", NOW)))
    assert "1 of 2 · about 2 s more" in text(headline.headline(state, 120, UNICODE))
    assert reduce(state, HealthChecked(at=NOW, check=check("openai", NOW))).checking is None


def test_an_answer_ends_the_stale_state() -> None:
    state = reduce(reduce(scene(), Unanswered(NOW)), Unanswered(NOW + 3))
    assert state.stale_since == NOW

    assert reduce(state, ProvidersRead(NOW + 4, ())).stale_since is None


def test_checks_told_together_come_to_what_they_come_to_one_by_one() -> None:
    made = [
        HealthChecked(at=NOW + at, check=check(name, NOW + at, passed=at % 3 > 0))
        for at, name in enumerate(("deepl", "openai", "deepl", "gemini") * 20)
    ]
    asked = reduce(scene(), CheckAsked(NOW, frozenset({"deepl", "apertium"})))

    one_by_one = asked
    for event in made:
        one_by_one = reduce(one_by_one, event)

    assert reduce(asked, Checked(tuple(made))) == one_by_one


def test_a_check_is_remembered_sixty_deep() -> None:
    state = scene()
    for at in range(80):
        state = reduce(state, HealthChecked(at=NOW, check=check("deepl", NOW + at)))

    assert len(state.checks["deepl"]) == 60


def test_figures_and_routine_checks_wait_for_the_next_frame_and_nothing_else_does() -> None:
    state = reduce(scene(WELL), Read(NOW, {"health": health_of(WELL)}))
    down = (*WELL[:-1], provider(WELL[-1].name, HealthState.UNHEALTHY))
    assert may_wait(Read(NOW, {"figures": state.figures}), state)
    assert may_wait(Read(NOW, {"figures": state.figures, "health": health_of(WELL)}), state)
    assert not may_wait(Read(NOW, {"figures": state.figures, "recent": ()}), state)
    assert not may_wait(Read(NOW, {"health": health_of(down)}), state)
    assert not may_wait(Read(NOW, {"health": health_of(WELL[:-1])}), state)
    assert not may_wait(Read(NOW, {"figures": state.figures}), reduce(state, Unanswered(NOW)))
