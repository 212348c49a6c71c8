"""Execution in a terminal, on states that are handed to it and on the engine with sandbox providers."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.tui.execution_scene import ID, SAVED, executed, others, report, summary
from tests.tui.scene import NOW
from tests.tui.test_app import app, lines
from textual.pilot import Pilot

from provider_console.console.views import iso
from provider_console.tui.app import ConsoleApp
from provider_console.tui.ink import plain
from provider_console.tui.screens.execution import ExecutionScreen
from provider_console.tui.state import TEXT_KEPT, Read, State, Ticked
from provider_console.tui.widgets.pager import Pager
from provider_console.tui.widgets.table import Table


async def opened(pilot: Pilot[Any], state: State | None = None) -> ConsoleApp:
    """The mode on a state, by its digit."""
    running: ConsoleApp = pilot.app  # type: ignore[assignment]
    running.state = executed() if state is None else state
    running.change(Ticked(NOW))
    await pilot.press("2")
    await pilot.pause()
    return running


async def test_the_second_mode_opens_on_the_newest_execution() -> None:
    async with app().run_test(size=(120, 40)) as pilot:
        running = await opened(pilot)

        assert isinstance(running.screen, ExecutionScreen)
        assert "Saved by fallback: DeepL answered on the 7th attempt" in lines(running, "headline")
        assert "1 of 12" in lines(running, "headline")
        assert running.screen.query_one("#attempts", Table).cursor == "6"
        under = lines(running, "under")
        for section in ("In total", "Why this order", "Result", "La reserva queda confirmada"):
            assert section in under


async def test_brackets_walk_to_older_and_newer_executions() -> None:
    async with app().run_test(size=(120, 40)) as pilot:
        running = await opened(pilot)
        await pilot.press("left_square_bracket", "left_square_bracket")
        await pilot.pause()
        assert running.screen._opened == others(2)[1].execution_id
        await pilot.press("right_square_bracket", "right_square_bracket", "right_square_bracket")
        await pilot.pause()
        assert "1 of 12" in lines(running, "headline")


async def test_a_chosen_attempt_says_its_own_words() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        running = await opened(pilot)
        assert "Rate limit reached" not in lines(running, "under")
        await pilot.press(*["up"] * 4)
        await pilot.pause()
        assert "Rate limit reached for gpt-5-mini" in lines(running, "under")


async def test_the_list_opens_what_the_cursor_stands_on() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        running = await opened(pilot)
        await pilot.press("l", "down", "down")
        await pilot.pause()
        assert "executions came to no good end" in lines(running, "listed")
        await pilot.press("enter")
        await pilot.pause()
        assert running.screen.query_one("#one").display
        assert running.screen._opened == others(2)[1].execution_id


async def test_the_filter_leaves_what_matches_and_escape_goes_back_in_steps() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        running = await opened(pilot)
        await pilot.press("slash", *"embed", "enter")
        await pilot.pause()
        table = running.screen.query_one("#recent", Table)
        assert len(table.keys) == 2
        await pilot.press("escape")
        await pilot.pause()
        assert len(table.keys) == 12
        await pilot.press("escape")
        await pilot.pause()
        assert not running.screen.query_one("#panes").has_class("-list")


async def test_the_list_stands_beside_on_a_wide_terminal_and_its_cursor_opens() -> None:
    async with app().run_test(size=(200, 60)) as pilot:
        running = await opened(pilot)
        assert running.screen.query_one("#recent", Table).region.x == 125
        await pilot.press("l", "down")
        await pilot.pause()
        assert running.screen._opened == others(1)[0].execution_id


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (120, 40), (200, 60)])
async def test_nothing_of_a_page_is_lost_behind_the_keys(size: tuple[int, int]) -> None:
    async with app().run_test(size=size) as pilot:
        running = await opened(pilot)
        under = running.screen.query_one("#under")
        assert under.region.bottom < size[1]
        assert "In total" in lines(running, "under")


async def test_resizing_keeps_the_attempt_that_was_chosen() -> None:
    async with app().run_test(size=(120, 40)) as pilot:
        running = await opened(pilot)
        await pilot.press("up", "up")
        for size in ((80, 24), (200, 60), (120, 40)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        assert running.screen.query_one("#attempts", Table).cursor == "4"


async def test_newer_executions_do_not_move_what_is_read() -> None:
    async with app().run_test(size=(120, 40)) as pilot:
        running = await opened(pilot)
        newer = msgspec.structs.replace(summary(SAVED), execution_id="newer", started_at=iso(NOW))
        running.change(Read(NOW, {"recent": (newer, summary(SAVED), *others(11))}))
        await pilot.pause()
        assert running.screen._opened == ID
        assert "2 of 13" in lines(running, "headline")


async def test_explain_opens_the_order_with_what_would_change_it() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        running = await opened(pilot)
        await pilot.press("e")
        await pilot.pause()
        said = "\n".join(plain(line) for line in running.screen.query_one(Pager).lines)
        assert "OpenAI came first." in said
        assert "What would change it" in said
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(running.screen, ExecutionScreen)


async def test_a_result_of_ten_megabytes_opens_at_its_end_within_bounds() -> None:
    huge = msgspec.structs.replace(SAVED, result={"text": "palabra españa 東京 " * 600_000})
    async with app().run_test(size=(120, 40)) as pilot:
        running = await opened(pilot, executed(huge))
        await pilot.press("o")
        await pilot.pause()
        await pilot.press("end")
        await pilot.pause()
        pager = running.screen.query_one(Pager)
        assert "the first 1,048,576 characters" in lines(running, "headline")
        assert sum(len(plain(line)) for line in pager.lines) < 1.2 * TEXT_KEPT
        assert "palabra" in pager.render_line(3).text


async def test_nothing_to_open_is_said() -> None:
    async with app().run_test(size=(120, 40)) as pilot:
        running = await opened(pilot, executed(report("failed")))
        await pilot.press("o")
        await pilot.pause()
        assert isinstance(running.screen, ExecutionScreen)
