"""Execution in a terminal, on states that are handed to it and on the engine with sandbox providers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from tests.tui.execution_scene import ATTEMPTS, ID, SAVED, executed, others, report, summary
from tests.tui.scene import NOW, PROVIDERS, scene
from tests.tui.test_app import HOSTILE, app, lines
from textual.pilot import Pilot

from provider_console.console.views import KindView, Who, iso
from provider_console.sdk.operation import Field
from provider_console.tui.app import ConsoleApp
from provider_console.tui.changes import Read, Ticked
from provider_console.tui.ink import plain
from provider_console.tui.pages import form
from provider_console.tui.screens.execution import ExecutionScreen
from provider_console.tui.screens.form import FormScreen
from provider_console.tui.state import TEXT_KEPT, State
from provider_console.tui.widgets.form import entries
from provider_console.tui.widgets.keys import Keys
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


async def test_where_nothing_was_executed_nothing_is_offered_about_it() -> None:
    async with app().run_test(size=(120, 40)) as pilot:
        running = await opened(pilot, scene(PROVIDERS, recent=()))
        offered = running.screen.query_one(Keys).render_line(0).text
        assert "n new" in offered
        for absent in ("explain", "run again", "older"):
            assert absent not in offered

        await pilot.press("e", "r", "left_square_bracket")
        await pilot.pause()
        assert isinstance(running.screen, ExecutionScreen)

        running.state = executed()
        running.change(Ticked(NOW))
        await pilot.pause()
        assert "e explain   r run again" in running.screen.query_one(Keys).render_line(0).text


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
        pager = running.screen.query_one(Pager)
        while not pager.is_laid:
            await pilot.pause()
        assert "the first 1,048,576 characters" in lines(running, "headline")
        assert sum(len(plain(line)) for line in pager.lines) < 1.2 * TEXT_KEPT
        assert pager.scroll_y == pager.max_scroll_y > 10_000
        assert "palabra" in pager.render_line(3).text


async def test_nothing_to_open_is_said() -> None:
    async with app().run_test(size=(120, 40)) as pilot:
        running = await opened(pilot, executed(report("failed")))
        await pilot.press("o")
        await pilot.pause()
        assert isinstance(running.screen, ExecutionScreen)


async def test_the_list_shows_its_own_keys_where_it_stands_alone() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        running = await opened(pilot)
        assert not {"open", "back", "cancel"} & set(active(running))
        await pilot.press("l")
        await pilot.pause()
        assert {"open", "back"} <= set(active(running))
        assert not {"explain", "run_again", "copy"} & set(active(running))


async def shown(pilot: Pilot[Any], name: str) -> None:
    """Wait until a form has an entry."""
    for _ in range(200):
        await pilot.pause()
        if isinstance(pilot.app.screen, FormScreen) and name in entries(pilot.app.screen):
            return
    raise AssertionError(f"{name} is not in {sorted(entries(pilot.app.screen))}")


def active(running: ConsoleApp) -> dict[str, bool]:
    """The actions of the screen that is shown, and whether they may be done."""
    return {each.binding.action: each.enabled for each in running.screen.active_bindings.values()}


async def test_what_a_role_may_not_do_is_muted_and_the_form_says_why() -> None:
    refused = Who(
        actor="bob",
        role="admin",
        front_end="tui",
        may={"execute": "needs the role super admin", "explain": "needs the role super admin"},
    )
    state = replace(executed(), who=refused, kinds=KINDS)
    async with app().run_test(size=(120, 40)) as pilot:
        running = await opened(pilot, state)
        assert active(running)["run_again"] is False
        await pilot.press("n")
        await pilot.pause()
        assert isinstance(running.screen, FormScreen)
        assert active(running)["run"] is False
        assert active(running)["dry_run"] is False
        assert "run needs the role super admin" in lines(running, "headline")


@pytest.mark.parametrize(
    ("method", "keys", "said"),
    [
        ("execute", ["r"], "executing needs the role super admin; you are admin"),
        ("cancel", ["c"], "cancelling an execution needs the role super admin; you are admin"),
        ("explain", ["e"], "explaining the order needs the role super admin; you are admin"),
        ("execute", ["n", "ctrl+r"], "executing needs the role super admin; you are admin"),
        ("explain", ["n", "ctrl+t"], "explaining the order needs the role super admin; you are admin"),
    ],
)
async def test_a_key_that_the_role_may_not_use_says_why_when_it_is_pressed(
    method: str, keys: list[str], said: str
) -> None:
    who = Who(actor="bob", role="admin", front_end="tui", may={method: "needs the role super admin"})
    async with app().run_test(size=(120, 40)) as pilot:
        running = await opened(pilot, replace(executed(), who=who, kinds=KINDS))
        await pilot.press(*keys)
        await pilot.pause()
        assert said in [notification.message for notification in running._notifications]


async def test_every_type_of_field_has_an_entry_and_a_kind_keeps_what_was_typed() -> None:
    async with app().run_test(size=(120, 40)) as pilot:
        running = await opened(pilot, replace(executed(), kinds=KINDS))
        await pilot.press("n", *"hola", "shift+tab", "right")
        await shown(pilot, "tone")
        made = entries(running.screen)
        assert {"text", "words", "count", "loud", "tone", "providers", "deadline_s", "answer"} <= set(made)
        assert made["text"].typed == "hola"
        assert made["loud"].typed == "no"
        assert made["tone"].typed == "–"
        await pilot.press("escape", "n")
        await shown(pilot, "tone")
        assert entries(running.screen)["text"].typed == "hola"
        assert entries(running.screen)["kind"].typed == "shout"


async def test_hostile_words_reach_no_segment_of_execution() -> None:
    hostile = "".join(HOSTILE)
    said = msgspec.structs.replace(
        SAVED,
        operation=hostile,
        result={"text": hostile, "detected": hostile},
        attempts=tuple(msgspec.structs.replace(each, message=hostile, provider_code=hostile) for each in ATTEMPTS),
        hint=hostile,
    )
    for keys in (["up"], ["l"], ["e"], ["o"]):
        async with app().run_test(size=(120, 40)) as pilot:
            running = await opened(pilot, executed(said))
            await pilot.press(*keys)
            await pilot.pause()
            filters = running.get_line_filters()
            for strip in running.screen._compositor.render_strips():
                segments = list(strip)
                for each in filters:
                    segments = each.apply(segments, running.screen.styles.background)
                assert not set("".join(segment.text for segment in segments)) & set("\x00\x07\x1b\x90\x9b\x9c\u202e")


KINDS = (
    KindView(name="echo", title="Echo", category="ai", fields=(Field(name="text", label="Text", type="text"),)),
    KindView(
        name="shout",
        title="Shout",
        category="translation",
        fields=(
            Field(name="text", label="Text", type="text", required=True),
            Field(name="words", label="Words", type="list"),
            Field(name="count", label="Count", type="number", minimum=1, maximum=3, default=2.0),
            Field(name="loud", label="Loud", type="boolean", default=False),
            Field(name="tone", label="Tone", type="choice", choices=("warm", "cold")),
        ),
    ),
)


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ({"text": "a", "count": "x"}, {"count": "is a number, like 2 or 0.5"}),
        ({"text": "a", "count": "4"}, {"count": "is from 1 to 3"}),
        ({"text": " "}, {"text": "is needed"}),
        ({"text": "a", "words": "[1,"}, {"words": "is no JSON list: Input data was truncated"}),
    ],
)
def test_what_cannot_be_read_is_said_of_its_field(typed: dict[str, str], wrong: dict[str, str]) -> None:
    assert form.read(KINDS[1].fields, typed)[1] == wrong


def test_what_was_typed_is_read_as_its_type() -> None:
    typed = {"text": "a\n", "words": "un\n\ndos", "count": "1,5", "loud": "yes", "tone": "–"}

    assert form.read(KINDS[1].fields, typed)[0] == {"text": "a\n", "words": ["un", "dos"], "count": 1.5, "loud": True}
    assert form.options({"providers": "deepl, openai", "deadline_s": 2.0}) == {
        "providers": ("deepl", "openai"),
        "deadline_s": 2.0,
    }
