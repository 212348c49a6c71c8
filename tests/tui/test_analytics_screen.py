"""Analytics in the hand: when it reads, what it asks for, keys, the mouse, files, and what goes wrong."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.tui import past_scene
from tests.tui.workflows import fleet
from textual.pilot import Pilot
from textual.widgets import Input

from provider_console.console.errors import ConsoleError
from provider_console.console.exports import csv_of, json_of
from provider_console.console.history_views import HistoryView
from provider_console.testing.frozen import FrozenClock, FrozenConsole
from provider_console.testing.workflow import Stage
from provider_console.tui.glyphs import in_ascii
from provider_console.tui.screens.analytics import AnalyticsScreen
from provider_console.tui.screens.asking import ChoiceScreen, LineScreen
from provider_console.tui.screens.dialogs import ConfirmScreen
from provider_console.tui.screens.export import problem
from provider_console.tui.screens.portrait import ComparisonScreen, PortraitScreen
from provider_console.tui.widgets.table import Table


class Hand:
    """Analytics open in a terminal, its console and its clock."""

    def __init__(self, pilot: Pilot[Any], console: FrozenConsole, clock: FrozenClock) -> None:
        self.pilot = pilot
        self.console = console
        self.clock = clock
        self._stage = Stage(pilot)

    @property
    def screen(self) -> Any:
        return self.pilot.app.screen

    @property
    def text(self) -> str:
        return self._stage.text

    @property
    def table(self) -> Table:
        return self.screen.query_one("#providers", Table)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def until(self, claim: Callable[[], bool]) -> None:
        assert await self._stage.until(claim), self.text

    async def see(self, words: str) -> None:
        await self.until(lambda: words in self.text)

    async def click(self, words: str) -> None:
        await self.until(lambda: self._stage.where(words) is not None)
        await self.pilot.click(offset=self._stage.where(words) or (0, 0))
        await self.pilot.pause()

    async def pass_(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)
        await self.pilot.pause()

    def asked(self) -> list[dict[str, Any]]:
        """What the past was asked for, without what was left open."""
        calls = [named for method, _args, named in self.console.asked if method == "history"]
        return [{key: value for key, value in named.items() if value} for named in calls]


@asynccontextmanager
async def opened(
    *, size: tuple[int, int] = (120, 40), mode: str = "3", glyphs: str = "unicode", **answers: Any
) -> AsyncIterator[Hand]:
    given = {"history": past_scene.history, "outages": past_scene.outages, "kinds": past_scene.KINDS, **answers}
    console, clock = fleet.console(**given), FrozenClock()
    app = fleet.app(console, clock=clock, glyphs=glyphs)
    app.animation_level = "none"
    async with app.run_test(size=size, notifications=True) as pilot:
        hand = Hand(pilot, console, clock)
        await hand.until(lambda: app.state.open)
        await hand.press(mode)
        yield hand


async def test_the_past_is_read_while_somebody_looks_at_it() -> None:
    async with opened(mode="1") as hand:
        await hand.pass_(3)
        assert hand.console.times("history") == 0
        await hand.press("3")
        await hand.see("All 10")
        assert hand.asked() == [{"since": "24h"}]
        await hand.pass_(31)
        await hand.until(lambda: hand.console.times("history") == 2)
        await hand.press("1")
        await hand.pass_(40)
        assert hand.console.times("history") == 2


async def test_a_short_period_is_read_more_often() -> None:
    async with opened() as hand:
        await hand.see("All 10")
        await hand.press("P", "P")
        await hand.until(lambda: hand.asked()[-1] == {"since": "5m"})
        before = hand.console.times("history")
        await hand.pass_(6)
        await hand.until(lambda: hand.console.times("history") == before + 1)


async def test_reading_that_takes_long_is_said() -> None:
    go = asyncio.Event()

    async def slow(**asked: Any) -> HistoryView:
        await go.wait()
        return past_scene.history(**asked)

    async with opened(history=slow) as hand:
        assert "Reading the past." not in hand.text
        hand.clock.advance(0.4)
        await hand.see("Reading the past.")
        go.set()
        await hand.see("All 10")
        assert "Reading the past." not in hand.text


async def test_figures_that_cannot_be_read_are_said_and_the_last_ones_stay() -> None:
    async with opened() as hand:
        await hand.see("All 10")
        hand.console.answers["history"] = ConsoleError("console.db cannot be read: disk I/O error; run doctor")
        await hand.pass_(31)
        await hand.see("The figures could not be read. console.db cannot be read")
        assert "All 10" in hand.text
        hand.console.answers["history"] = past_scene.history
        await hand.pass_(31)
        await hand.see("got worse.")


async def test_the_cursor_stays_on_its_provider_while_rows_are_sorted() -> None:
    async with opened() as hand:
        await hand.see("All 10")
        await hand.press("down")
        assert hand.table.cursor == "openai"
        await hand.press("S")
        assert hand.table.cursor == "openai"
        assert hand.table.keys[0] == "ollama"
        await hand.press("s")
        await hand.see("↑change")
        await hand.pilot.resize_terminal(80, 24)
        await hand.pilot.pause()
        assert hand.table.cursor == "openai"


async def test_a_click_on_a_column_sorts_by_it_and_a_second_one_turns_it() -> None:
    async with opened() as hand:
        await hand.see("All 10")
        header = next(word for word in hand.text.splitlines() if "Requests" in word)
        for word, first, last in (("Requests", "deepl", "ollama"), ("Provider", "acme", "openrouter")):
            at = (header.index(word) + 1, 0)
            await hand.pilot.click("#providers", offset=at)
            await hand.see(f"↓{word}" if word == "Requests" else f"↑{word}")
            assert (hand.table.keys[0], hand.table.keys[-1]) == (first, last)
            await hand.pilot.click("#providers", offset=at)
            await hand.see(f"↑{word}" if word == "Requests" else f"↓{word}")
            assert (hand.table.keys[0], hand.table.keys[-1]) == (last, first)
        before = hand.table.keys
        await hand.pilot.click("#providers", offset=(header.index("Requests") + 40, 0))
        assert hand.table.keys == before


async def test_one_key_goes_through_every_column() -> None:
    async with opened() as hand:
        await hand.see("All 10")
        seen = set()
        for _ in range(10):
            await hand.press("s")
            seen.add(hand.screen._sort.key)
        assert seen == {
            "provider", "requests", "success", "success change", "p95", "p95 change", "calls", "absorbed", "units",
            "cost",
        }  # fmt: skip


async def test_space_picks_whose_lines_are_drawn_six_at_most() -> None:
    async with opened() as hand:
        await hand.see("All 10")
        assert hand.screen.picked == ("libretranslate", "openai", "openrouter")
        await hand.press("space")
        assert hand.screen.picked == ("openai", "openrouter")
        for _ in range(4):
            await hand.press("end", "space", "up", "space", "up", "space", "up", "space", "up", "space")
        assert len(hand.screen.picked) <= 6
        await hand.see("6 lines are drawn at most")


async def test_a_filter_that_finds_nothing_says_the_nearest() -> None:
    async with opened() as hand:
        await hand.see("All 10")
        await hand.press("slash", *"grok")
        await hand.see("Filter found nothing")
        assert "Groq" in hand.text
        await hand.press("escape")
        await hand.see("Anthropic")


async def test_periods_are_clicked_and_a_custom_one_can_be_left() -> None:
    async with opened() as hand:
        await hand.see("All 10")
        await hand.click("7 d")
        await hand.until(lambda: hand.asked()[-1] == {"since": "7d"})
        await hand.click("custom")
        await hand.until(lambda: isinstance(hand.screen, LineScreen))
        await hand.press("escape")
        await hand.until(lambda: isinstance(hand.screen, AnalyticsScreen))
        assert hand.screen.asked.since == "7d"
        assert hand.screen.query_one("#periods").chosen == "7 d"


async def test_a_custom_period_is_asked_for_and_shown() -> None:
    async with opened() as hand:
        await hand.see("All 10")
        await hand.press("c", "ctrl+u", *"2026-11-01T00:00Z to 2026-11-08T12:00Z", "enter")
        wanted = {"since": "2026-11-01T00:00:00+00:00", "until": "2026-11-08T12:00:00+00:00"}
        await hand.until(lambda: hand.asked()[-1] == wanted)
        assert hand.screen.query_one("#periods").chosen == "custom"
        await hand.press("p")
        await hand.until(lambda: hand.asked()[-1] == {"since": "5m"})


async def test_one_kind_is_chosen_and_everything_again() -> None:
    async with opened() as hand:
        await hand.see("All 10")
        await hand.press("f")
        await hand.until(lambda: isinstance(hand.screen, ChoiceScreen))
        await hand.press("end", "enter")
        await hand.until(lambda: hand.asked()[-1] == {"since": "24h", "category": "translation", "kind": "translate"})
        await hand.see("translation translate only")
        await hand.press("f")
        await hand.until(lambda: isinstance(hand.screen, ChoiceScreen))
        await hand.press("home", "enter")
        await hand.until(lambda: "translate only" not in hand.text)


async def test_a_provider_has_its_page_with_its_own_period_and_the_way_to_compare() -> None:
    async with opened() as hand:
        await hand.see("All 10")
        await hand.press("down", "enter")
        await hand.until(lambda: isinstance(hand.screen, PortraitScreen))
        await hand.see("2 outages")
        assert {"since": "30d", "providers": ("openai",)} in hand.asked()
        await hand.press("p")
        await hand.see("7 d, against the 7 d before")
        await hand.press("v")
        await hand.until(lambda: isinstance(hand.screen, ComparisonScreen))
        await hand.see("Side by side")
        await hand.press("escape", "escape")
        await hand.see("All 10")


async def test_comparing_with_nobody_says_how_to_pick() -> None:
    async with opened() as hand:
        await hand.see("All 10")
        await hand.press("space", "down", "space", "down", "space", "v")
        await hand.see("press space on the providers")


async def test_every_cell_is_ascii_where_marks_are() -> None:
    async with opened(glyphs="ascii", size=(200, 60)) as hand:
        await hand.see("Checks and outages")
        assert in_ascii(hand.text).isascii()


# --- files ---------------------------------------------------------------------------------------------------------


async def _export(hand: Hand, name: Path | str) -> None:
    await hand.see("All 10")
    await hand.press("E")
    await hand.until(lambda: isinstance(hand.screen, LineScreen))
    hand.screen.query_one(Input).value = str(name)
    await hand.press("enter")


@pytest.mark.parametrize(("end", "made"), [("csv", csv_of), ("json", json_of)])
async def test_a_period_is_written_into_a_file(tmp_path: Path, end: str, made: Callable[[HistoryView], str]) -> None:
    file = tmp_path / f"past.{end}"
    async with opened() as hand:
        await _export(hand, file)
        await hand.see("10 providers are in")

    assert file.read_text("utf-8") == made(past_scene.history())
    assert os.listdir(tmp_path) == [file.name]  # noqa: PTH208 - nothing waits here


async def test_a_file_that_is_there_is_replaced_only_after_a_yes(tmp_path: Path) -> None:
    file = tmp_path / "past.csv"
    file.write_text("mine")
    async with opened() as hand:
        await _export(hand, file)
        await hand.until(lambda: isinstance(hand.screen, ConfirmScreen))
        assert "4 bytes" in hand.text
        await hand.press("n")
        await hand.until(lambda: isinstance(hand.screen, AnalyticsScreen))
        assert file.read_text() == "mine"
        await _export(hand, file)
        await hand.until(lambda: isinstance(hand.screen, ConfirmScreen))
        await hand.press("y")
        await hand.see("10 providers are in")

    assert file.read_text("utf-8") == csv_of(past_scene.history())


async def test_a_file_that_cannot_be_written_is_said() -> None:
    async with opened() as hand:
        await _export(hand, "/proc/past.csv")
        await hand.see("was not written")


@pytest.mark.parametrize("name", ["past", "past.txt", "", "/", "/nowhere/past.csv", "a\0b.csv", "past.CSV"])
def test_a_name_that_cannot_be_used_says_why(name: str) -> None:
    assert problem(name)
