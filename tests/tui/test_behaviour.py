"""How the terminal behaves, line by line of what it promises, each with the test or the benchmark that holds it to it.

What no other module tries is tried here.
"""

from __future__ import annotations

import gc
import random
import re
from pathlib import Path
from typing import Final

import pytest
from tests.tui.scene import NOW, check, provider
from tests.tui.workflows import config, execution, fleet
from textual.app import App
from textual.binding import Binding
from textual.geometry import Region
from textual.strip import Strip

from provider_console.console.events import HealthChecked
from provider_console.console.views import iso
from provider_console.testing.frozen import FrozenClock
from provider_console.testing.workflow import (
    Workflow,
    click,
    do,
    enter,
    expect,
    play,
    press,
    see,
    see_no,
)
from provider_console.tui.changes import Checked, Ticked
from provider_console.tui.ink import Line, line, plain
from provider_console.tui.keymap import TITLES
from provider_console.tui.palette import commands
from provider_console.tui.screens.base import ConsoleScreen
from provider_console.tui.state import State
from provider_console.tui.widgets.lines import Lines
from provider_console.tui.widgets.table import Row, Table

ROOT: Final = Path(__file__).parents[2]

PROMISES: Final = {
    "names stand there at the first paint, read from the configuration alone": (
        "tests/tui/test_app.py::test_the_first_frame_has_the_names_and_the_keys",
        "tests/tui/test_health_screen.py::test_the_first_frame_loads_no_engine_no_http_and_no_keyring",
        "benchmarks/startup.py",
    ),
    "work over 300 ms shows progress, a bar with an estimate where its size is known": (
        "tests/tui/test_health_screen.py::test_a_check_shows_its_progress_and_then_its_outcome",
        "tests/tui/test_pages.py::test_a_round_of_checks_counts_down_as_they_answer",
    ),
    "nothing blocks a key": ("tests/tui/test_behaviour.py::test_a_check_that_never_ends_blocks_no_key",),
    "keys as fast as a terminal can send them: none lost, none doubled": (
        "tests/tui/test_typing.py::test_a_hundred_keys_in_one_write_move_the_cursor_a_hundred_rows",
        "tests/tui/test_typing.py::test_a_filter_typed_in_one_go_is_a_filter_and_no_command",
        "tests/tui/test_typing.py::test_a_question_and_its_answer_typed_in_one_go_are_both_taken",
    ),
    "80x24, 120x40 and 200x60 are used; below 60x16 one sentence says so": (
        "tests/tui/test_workflows.py::test_a_workflow",
        "tests/tui/test_health_screen.py::test_below_the_smallest_size_one_sentence_says_so_and_nothing_is_lost",
    ),
    "resizing never loses the selection": (
        "tests/tui/test_app.py::test_resizing_keeps_the_selection_and_the_detail_follows_it",
        "tests/tui/test_execution_screen.py::test_resizing_keeps_the_attempt_that_was_chosen",
    ),
    "tables update cell by cell and the cursor stays on its row while rows move": (
        "tests/tui/test_behaviour.py::test_a_change_of_one_row_repaints_that_row_alone",
        "tests/tui/test_behaviour.py::test_moving_the_cursor_lays_out_no_other_row_and_scrolling_only_the_new_one",
        "tests/tui/test_app.py::test_the_cursor_stays_on_its_provider_while_rows_move",
    ),
    "1,000 providers and 1,000 events fold to one update a frame": (
        "tests/tui/test_behaviour.py::test_a_thousand_events_fold_to_few_updates",
        "tests/tui/test_health_screen.py::test_ten_thousand_providers_are_shown_and_moved_through",
        "benchmarks/repaint.py",
    ),
    "a console in which nothing happens costs next to nothing": (
        "tests/tui/test_behaviour.py::test_while_all_is_well_a_second_changes_the_sentence_and_rows_follow_within_five",
        "tests/tui/test_behaviour.py::test_a_word_in_one_row_asks_the_widgets_of_that_row_for_that_row",
        "tests/tui/test_pages.py::test_where_all_is_well_the_sentence_alone_knows_the_time",
        "benchmarks/startup.py",
    ),
    "wide or destructive actions confirm with what exactly will happen, others can be undone": (
        "tests/tui/test_health_screen.py::test_what_nobody_else_serves_is_disabled_after_a_yes",
        "tests/tui/test_health_screen.py::test_what_others_serve_too_is_disabled_at_once_and_can_be_undone",
    ),
    "text from providers and plugins is data": (
        "tests/security/test_terminal_safety.py"
        "::test_no_control_sequence_of_foreign_text_reaches_the_terminal_on_any_page",
        "tests/tui/test_app.py::test_hostile_names_reach_no_segment",
    ),
    "the crash screen shows no locals": (
        "tests/security/test_terminal_safety.py"
        "::test_a_crash_shows_no_local_variable_and_no_control_sequence_of_its_message",
    ),
    "themes are files: four come along, a bad one is reported and skipped, a changed one read again": (
        "tests/tui/test_themes.py::test_four_themes_come_with_the_console",
        "tests/tui/test_themes.py::test_a_bad_theme_is_reported_and_left_out",
        "tests/tui/test_health_screen.py::test_a_theme_is_read_again_when_its_file_changes_and_a_bad_one_is_reported",
    ),
    "colours stand in themes and tcss only": ("tests/tui/test_themes.py::test_every_colour_is_a_variable_of_our_tcss",),
    "a state is never colour alone": (
        "tests/tui/test_pages.py::test_every_state_is_told_apart_by_its_text_alone",
        "tests/tui/test_behaviour.py::test_states_are_told_apart_without_colour_in_every_theme_and_in_ascii",
    ),
    "the mouse works everywhere": ("tests/tui/test_behaviour.py::test_the_mouse_reaches_what_the_keys_reach",),
    "every action has a binding, a palette entry and a line of help": (
        "tests/tui/test_behaviour.py::test_every_action_of_a_mode_is_in_the_palette_and_in_the_help",
    ),
}


@pytest.mark.parametrize("promise", PROMISES)
def test_every_promise_names_tests_and_benchmarks_that_exist(promise: str) -> None:
    for place in PROMISES[promise]:
        file, _, name = place.partition("::")
        text = (ROOT / file).read_text("utf-8")
        assert not name or re.search(rf"^(async )?def {name}\(", text, re.MULTILINE), place


async def test_a_check_that_never_ends_blocks_no_key() -> None:
    await play(
        Workflow(
            "keys go on",
            [
                see("down 2 m"),
                press("C"),
                expect("checks are under way", lambda state: state.checking is not None),
                press("end"),
                see("Ollama  ● "),
                press("v"),
                see("Could"),
            ],
        ),
        fleet.app(fleet.console(check=fleet.never)),
    )


async def test_a_change_of_one_row_repaints_that_row_alone() -> None:
    many = [provider(f"p{number:03}") for number in range(1000)]
    app = fleet.app(fleet.console(health=fleet.health(many)))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        table = app.screen.query_one(Table)
        painted: list[int] = []
        paint = table.render_line

        def counted(y: int) -> object:
            painted.append(y)
            return paint(y)

        table.render_line = counted  # type: ignore[method-assign,assignment]
        app.change(HealthChecked(at=NOW, check=check("p003", NOW, passed=False)))
        await pilot.pause()

        seen = [y for y in set(painted) if "p003" not in paint(y).text]
        assert painted
        assert seen == []


WELL: Final = [provider(f"p{number:02}", last_check=iso(NOW - 8)) for number in range(12)]
"""Twelve providers that are as ever."""


async def test_while_all_is_well_a_second_changes_the_sentence_and_rows_follow_within_five() -> None:
    clock = FrozenClock(NOW)
    app = fleet.app(fleet.console(health=fleet.health(WELL)), clock=clock)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        table, sentence = app.screen.query_one(Table), app.screen.query_one("#headline", Lines)

        async def second() -> tuple[str, str]:
            clock.advance(1.0)
            app.change(Ticked(clock.wall()))
            await pilot.pause()
            return plain(sentence.lines[1]), next(row for row in _rows(table) if "p03" in row)

        first, row = await second()
        app.change(Checked((HealthChecked(at=clock.wall(), check=check("p03", clock.wall())),)))
        told = [await second() for _ in range(5)]

        assert "checked just now" not in first
        assert "checked just now" in told[0][0]
        assert told[0][1] == row
        assert told[4][1] != row


async def test_a_mode_that_is_not_seen_keeps_no_older_state_and_shows_the_new_one_once_it_is_seen() -> None:
    clock = FrozenClock(NOW)
    app = fleet.app(clock=clock)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        clock.advance(30.0)
        app.change(Ticked(clock.wall()))
        for mode, _title in (*TITLES, TITLES[0]):
            await app.action_mode(mode)
            await pilot.pause()
        await app.action_mode("plugins")
        clock.advance(60.0)
        app.change(Ticked(clock.wall()))
        await pilot.pause()
        gc.collect()

        assert [each.now for each in gc.get_objects() if isinstance(each, State) and each.now == NOW + 30.0] == []
        await app.action_mode("health")
        await pilot.pause()
        assert "checked 1 m 38 s ago" in plain(app.screen.query_one("#headline", Lines).lines[1])


async def test_while_all_is_well_and_nobody_types_the_sentence_counts_in_steps_of_five() -> None:
    clock = FrozenClock(NOW)
    app = fleet.app(fleet.console(health=fleet.health(WELL)), clock=clock)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        sentence = app.screen.query_one("#headline", Lines)

        async def ages(seconds: int) -> set[int]:
            seen = set()
            for _second in range(seconds):
                clock.advance(1.0)
                app.change(Ticked(clock.wall()))
                await pilot.pause()
                seen.add(int(re.findall(r"checked (\d+) s ago", plain(sentence.lines[1]))[0]))
            return seen

        await ages(10)
        alone = await ages(15)
        await pilot.press("j")
        attended = await ages(8)

        assert len(alone) <= 4
        assert len(attended) == 8


def _rows(table: Table) -> list[str]:
    return [table.render_line(y).text for y in range(table.size.height)]


async def test_rows_composed_alone_are_those_of_the_whole_screen() -> None:
    app = fleet.app()
    async with app.run_test(size=(200, 60)) as pilot:
        await pilot.pause()
        compositor = app.screen._compositor
        whole = [strip.text for strip in compositor.render_strips()]
        chance = random.Random(7)
        for count in (1, 2, 3, 8, 30, 60):
            rows = set(chance.sample(range(60), count))
            crop = Region.from_union([Region(0, y, 200, 1) for y in rows])
            chops = compositor._render_chops(crop, rows.__contains__)
            said = ["".join(strip.text for strip in chop.values() if strip is not None) for chop in chops]
            assert said == [whole[y] if y in rows else "" for y in range(60)]


async def test_a_word_in_one_row_asks_the_widgets_of_that_row_for_that_row() -> None:
    app = fleet.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        table = app.screen.query_one(Table)
        asked: list[Region] = []
        render = table.render_lines

        def counted(crop: Region) -> list[Strip]:
            asked.append(crop)
            return render(crop)

        table.render_lines = counted  # type: ignore[method-assign]
        app.screen.query_one("#headline", Lines).refresh(Region(0, 1, 120, 1))
        await pilot.pause()
        assert asked == []
        table.refresh(Region(0, 4, 120, 1))
        await pilot.pause()

        assert asked == [Region(0, 4, 120, 1)]


def _strips() -> int:
    return sum(isinstance(each, Strip) for each in gc.get_objects())


async def test_a_row_that_was_painted_over_is_gone_before_the_collector_comes() -> None:
    clock = FrozenClock(NOW)
    app = fleet.app(clock=clock)
    async with app.run_test(size=(120, 40)) as pilot:

        async def seconds(count: int) -> None:
            for _second in range(count):
                clock.advance(1.0)
                app.change(Ticked(clock.wall()))
                await pilot.pause()

        await seconds(2)
        gc.collect()
        gc.disable()
        try:
            before = _strips()
            await seconds(20)
            after = _strips()
        finally:
            gc.enable()

        assert after - before < 20


async def test_nothing_is_kept_of_what_was_painted_on_a_screen_that_was_left() -> None:
    app = fleet.app()
    async with app.run_test(size=(120, 40)) as pilot:

        async def visits(count: int) -> int:
            for _visit in range(count):
                await pilot.press("enter")
                await pilot.pause()
                await pilot.press("escape")
                await pilot.pause()
            gc.collect()
            return _strips()

        before = await visits(2)
        assert await visits(6) - before < 40


async def test_what_is_behind_a_widget_that_takes_all_of_a_row_is_not_asked_for_it() -> None:
    app = fleet.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        compositor = app.screen._compositor
        row = compositor.visible_widgets[app.screen.query_one("#headline", Lines)][0].y
        asked = compositor._render_chops(Region(0, row, 120, 1), {row}.__contains__)
        rendered = [len(list(compositor._get_renders()))]

        assert rendered == [1]
        assert "".join(strip.text for strip in asked[row].values() if strip is not None).strip() == ""


async def test_moving_the_cursor_lays_out_no_other_row_and_scrolling_only_the_new_one() -> None:
    app = fleet.app()
    laid: list[int] = []

    def row(number: int) -> Row:
        def paint(_width: int, _selected: bool) -> Line:
            laid.append(number)
            return line(f"row {number}")

        return Row(f"{number}", paint)

    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        table = app.screen.query_one(Table)
        table.fill([row(number) for number in range(100)])
        table.cursor = "3"
        await pilot.pause()
        laid.clear()
        table.cursor = "4"
        await pilot.pause()
        moved = set(laid)
        bottom = max(number for number in range(100) if (table.line_of(f"{number}") or 0) < table.size.height)
        table.cursor = f"{bottom}"
        await pilot.pause()
        laid.clear()
        table.cursor = f"{bottom + 1}"
        await pilot.pause()

    assert moved == {3, 4}
    assert set(laid) == {bottom, bottom + 1}


async def test_the_last_filters_are_the_same_at_each_frame_so_that_lines_are_not_filtered_again() -> None:
    app = fleet.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        assert all(one is other for one, other in zip(app.get_line_filters(), app.get_line_filters(), strict=True))


async def test_a_thousand_events_fold_to_few_updates() -> None:
    many = [provider(f"p{number:03}") for number in range(1000)]
    app = fleet.app(fleet.console(health=fleet.health(many)))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        shown = 0
        screen = app.screen
        assert isinstance(screen, ConsoleScreen)
        show = screen.show

        def counted() -> None:
            nonlocal shown
            shown += 1
            show()

        screen.show = counted  # type: ignore[method-assign]
        for number in range(1000):
            app.change(HealthChecked(at=NOW, check=check(f"p{number:03}", NOW, passed=False)))
        await pilot.pause()

        assert len(app.state.checks) >= 1000
        assert 1 <= shown <= 5


@pytest.mark.parametrize("theme", ["console-dark", "console-light", "console-contrast", "console-mono"])
async def test_states_are_told_apart_without_colour_in_every_theme_and_in_ascii(
    theme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    off = [fleet.switched_off(view) if view.id == "ollama" else view for view in fleet.PROVIDERS]
    words = {"LibreTranslate": "down", "OpenAI": "degraded", "Gemini": "quota", "DeepL": "healthy", "Ollama": "off"}
    for glyphs, marks in (("unicode", "▼◐◇●○"), ("ascii", "v~?*o")):
        app = fleet.app(fleet.console(health=fleet.health(off)), theme=theme, glyphs=glyphs)
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.pause()
            table = app.screen.query_one(Table)
            rows = [table.render_line(y).text for y in range(table.size.height)]
        for (name, word), mark in zip(words.items(), marks, strict=True):
            row = next(row for row in rows if name in row and "Azure" not in row)
            assert f"{mark} {name}" in row, row
            assert word in row, row


async def test_the_mouse_reaches_what_the_keys_reach() -> None:
    def cursor(app: App[object]) -> str | None:
        return app.screen.query_one(Table).cursor

    def on(key: str) -> object:
        async def stands(stage: object) -> None:
            assert await stage.until(lambda: cursor(stage.app) == key)  # type: ignore[attr-defined]

        return stands

    await play(
        Workflow(
            "by mouse",
            [
                see("down 2 m"),
                click("Mistral"),
                do("the row is selected", on("mistral")),  # type: ignore[arg-type]
                see("Mistral  ● "),
                click("coverage"),
                see("Could"),
                click("back"),
                see_no("Could"),
                click("Execution"),
                see("n new"),
                click("Health"),
                see("down 2 m"),
                click("? help"),
                see("Keys"),
            ],
        ),
        fleet.app(),
    )


async def test_the_palette_runs_what_the_app_itself_does() -> None:
    await play(
        Workflow(
            "help from the palette",
            [
                see("down 2 m"),
                press("ctrl+p"),
                see("Search"),
                enter("help"),
                see("the keys of"),
                press("enter"),
                see("Keys", "probe the selected provider"),
            ],
        ),
        fleet.app(),
    )


@pytest.mark.parametrize("mode", [name for name, _title in TITLES])
async def test_every_action_of_a_mode_is_in_the_palette_and_in_the_help(mode: str) -> None:
    app = fleet.app()
    async with app.run_test(size=(120, 60)) as pilot:
        await pilot.pause()
        await app.action_mode(mode)
        await pilot.pause()
        screen = app.screen
        own = [made for made in type(screen).BINDINGS if isinstance(made, Binding)]
        palette = " ".join(command.title for command in commands(app, screen))
        assert [made.action for made in own if not made.tooltip] == []
        active = {each.binding.action for each in screen.active_bindings.values() if each.enabled}
        missing = [made.action for made in own if made.action in active and made.tooltip not in palette]
        assert missing == []
        public = {name.removeprefix("action_") for name in vars(type(screen)) if name.startswith("action_")}
        bound = {made.action.partition("(")[0].rpartition(".")[2] for made in own}
        assert public <= bound, "an action without a key"


async def test_an_arrow_in_config_goes_where_it_points_and_stays_there() -> None:
    app = config.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        await app.action_mode("config")
        await pilot.pause()
        reached = []
        for arrow in ("left", "left", "right", "right"):
            await pilot.press(arrow)
            reached.append(None if app.focused is None else app.focused.id)

        assert reached == ["sections", "sections", "settings", "settings"]


@pytest.mark.parametrize("size", [(80, 24), (60, 16)])
async def test_the_help_of_a_small_terminal_is_read_to_its_end_by_keys_and_says_how_to_leave(
    size: tuple[int, int],
) -> None:
    await play(
        Workflow(
            "help",
            [
                see("LibreTranslate"),
                press("question_mark"),
                see("probe the selected provider", "esc back"),
                press("end"),
                see("leave the console", "esc back"),
                press("home"),
                see("probe the selected provider"),
            ],
            size=size,
        ),
        fleet.app(),
    )


async def test_each_key_has_a_row_of_its_own_in_the_help() -> None:
    await play(
        Workflow(
            "help of Execution",
            [
                see("LibreTranslate"),
                press("2"),
                see("Saved by fallback"),
                press("question_mark"),
                see("[                 the execution before", "]                 the execution after"),
            ],
        ),
        execution.app(),
    )
