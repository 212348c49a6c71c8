"""Health in the hand: checks, switching, adopting, credentials, the page of a provider, and what a role may not do."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from tests.tui.scene import COVERAGE, DOWN, KEYLESS, NOW, PROVIDERS, SLOW, health, provider
from tests.tui.test_app import StoppedClock, app, lines, never, show

from provider_console.console.errors import ConsoleError
from provider_console.console.events import SettingsRejected, SettingsReloaded, StoreRecovered, StoreTroubled
from provider_console.console.views import (
    AnalyticsView,
    CheckView,
    HealthState,
    PeriodFigures,
    ProviderView,
    SecretBackend,
    SecretView,
    SystemHealth,
    Who,
    iso,
)
from provider_console.sdk.secret import Secret
from provider_console.tui.app import ConsoleApp
from provider_console.tui.changes import Closed, Read, Unanswered
from provider_console.tui.link import Preview
from provider_console.tui.reduce import reduce
from provider_console.tui.screens.detail import DetailScreen
from provider_console.tui.screens.dialogs import ConfirmScreen, CredentialScreen
from provider_console.tui.state import State
from provider_console.tui.themes import load_themes
from provider_console.tui.widgets.keys import Keys
from provider_console.tui.widgets.nav import Nav
from provider_console.tui.widgets.prompt import Hidden
from provider_console.tui.widgets.table import Table

FOUND = msgspec.structs.replace(provider("Stray", HealthState.OFF, why="found, not adopted"), configured=False)


class Asked:
    """A console that notes what it is asked, and answers at once."""

    def __init__(self, *, usable: bool = True) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.stored: list[Secret] = []
        self.go = asyncio.Event()
        self.go.set()
        self._usable = usable

    async def check(self, provider_id: str | None = None) -> Sequence[CheckView]:
        self.calls.append(("check", provider_id))
        await self.go.wait()
        return [
            CheckView(provider="deepl", at=iso(NOW), state=HealthState.HEALTHY, passed=True, latency_ms=40.0),
        ]

    async def set_provider_enabled(self, provider_id: str, *, enabled: bool) -> ProviderView:
        self.calls.append(("set_provider_enabled", provider_id, enabled))
        return DOWN

    async def adopt_provider(self, provider_id: str, *, base_url: str | None, credential: str | None) -> ProviderView:
        self.calls.append(("adopt_provider", provider_id, base_url, credential))
        return DOWN

    async def health(self) -> SystemHealth:
        return health(PROVIDERS)

    async def secret_backend(self) -> SecretBackend:
        return SecretBackend(name="the keyring", usable=self._usable, reason="the keyring is locked; unlock it")

    async def set_secret(self, name: str, value: Secret) -> SecretView:
        self.calls.append(("set_secret", name))
        self.stored.append(value)
        return SecretView(name=name, present=True, backend="the keyring", age_ms=0.0, last_success_age_ms=None)

    async def test_secret(self, name: str) -> Sequence[CheckView]:
        self.calls.append(("test_secret", name))
        return [
            CheckView(
                provider="gemini", at=iso(NOW), state=HealthState.HELD, passed=False, message="the key is refused"
            )
        ]

    async def analytics(self, provider_id: str | None = None) -> AnalyticsView:
        recent = PeriodFigures(
            total_requests=214,
            success_rate=97.1,
            average_response_time=1100.0,
            p50=1080.0,
            p95=3410.0,
            p99=6200.0,
            error_classes={"server_error": 4, "timeout": 1},
            absorbed_failures=5,
        )
        return AnalyticsView(
            provider=provider_id,
            window_ms=300_000.0,
            recent=recent,
            health_score=89.0,
            total_requests=9_000,
            success_rate=99.0,
            average_response_time=900.0,
            p50=900.0,
            p95=3000.0,
            p99=5000.0,
        )


def said(running: ConsoleApp) -> str:
    return "\n".join(str(notice.message) for notice in running._notifications)


async def opened(pilot: Any, console: Any, **fields: Any) -> ConsoleApp:
    running: ConsoleApp = pilot.app
    await pilot.pause()
    running.link.hold(console)
    show(running, **fields)
    await pilot.pause()
    return running


async def test_a_check_shows_its_progress_and_then_its_outcome() -> None:
    console = Asked()
    console.go.clear()
    async with app().run_test(size=(120, 40)) as pilot:
        running = await opened(pilot, console)
        await pilot.press("end", "c")
        await pilot.pause()
        assert console.calls == [("check", "deepl")]
        assert running.state.checking is not None
        assert running.state.checking.waiting == {"deepl"}
        console.go.set()
        await pilot.pause()
        assert running.state.checking is None
        assert "DeepL passed in 0.04 s" in said(running)


async def test_all_are_checked_by_one_key_and_two_rounds_are_counted_apart() -> None:
    console = Asked()
    console.go.clear()
    async with app().run_test(size=(120, 40)) as pilot:
        running = await opened(pilot, console)
        await pilot.press("end", "c", "C")
        await pilot.pause()
        assert console.calls == [("check", "deepl"), ("check", None)]
        assert running.state.checking is not None
        assert running.state.checking.total == 5
        console.go.set()
        await pilot.pause()
        assert running.state.checking is None


async def test_what_others_serve_too_is_disabled_at_once_and_can_be_undone() -> None:
    console = Asked()
    async with app().run_test(size=(120, 40)) as pilot:
        running = await opened(pilot, console)
        await pilot.press("end", "d")
        await pilot.pause()
        assert console.calls == [("set_provider_enabled", "deepl", False)]
        assert "press d to switch it on again" in said(running)


async def test_what_nobody_else_serves_is_disabled_after_a_yes() -> None:
    console = Asked()
    async with app().run_test(size=(120, 40)) as pilot:
        running = await opened(pilot, console)
        await pilot.press("home", "d")
        await pilot.pause()
        assert isinstance(running.screen, ConfirmScreen)
        assert console.calls == []
        await pilot.press("y")
        await pilot.pause()
        assert console.calls == [("set_provider_enabled", "libretranslate", False)]


async def test_adopting_shows_address_and_credential_and_hands_over_what_was_seen() -> None:
    console = Asked()
    async with app().run_test(size=(120, 40)) as pilot:
        running = await opened(pilot, console, health=health((*PROVIDERS, FOUND)))
        await pilot.press("end", "a")
        await pilot.pause()
        question = lines(running, "question")
        assert "http://10.0.4.12:5000" in question
        assert "A_KEY" in question
        await pilot.press("y")
        await pilot.pause()
        assert console.calls == [("adopt_provider", "stray", "http://10.0.4.12:5000", "A_KEY"), ("check", "stray")]
        assert "Stray is in use." in said(running)


async def test_only_what_was_found_can_be_adopted_and_only_what_is_configured_switched() -> None:
    async with app().run_test(size=(120, 40)) as pilot:
        running = await opened(pilot, Asked(), health=health((*PROVIDERS, FOUND)))
        await pilot.press("home")
        assert {"switch"} == {"switch", "adopt"} & {b.binding.action for b in running.screen.active_bindings.values()}
        await pilot.press("end")
        assert {"adopt"} == {"switch", "adopt"} & {b.binding.action for b in running.screen.active_bindings.values()}


async def test_a_credential_is_stored_tried_and_seen_nowhere() -> None:
    console = Asked()
    value = "canary-4711-credential"
    async with app().run_test(size=(120, 40)) as pilot:
        running = await opened(pilot, console)
        running.screen.query_one(Table).cursor = KEYLESS.id
        await pilot.press("s")
        await pilot.pause()
        assert isinstance(running.screen, CredentialScreen)
        assert "the keyring" in lines(running, "question")
        await pilot.press(*value)
        await pilot.pause()
        assert value not in running.export_screenshot()
        assert value not in repr(running.screen.query_one(Hidden))
        await pilot.press("enter")
        await pilot.pause()
        assert console.calls == [("set_secret", "A_KEY"), ("test_secret", "A_KEY")]
        assert [secret.reveal() for secret in console.stored] == [value]
        assert "Gemini failed: the key is refused" in said(running)
        assert value not in said(running)
        assert value not in repr(running.state)


async def test_entering_nothing_leaves_the_question_open_and_says_the_way_out() -> None:
    console = Asked()
    async with app().run_test(size=(120, 40)) as pilot:
        running = await opened(pilot, console)
        running.screen.query_one(Table).cursor = KEYLESS.id
        await pilot.press("s", "enter")
        await pilot.pause()
        assert isinstance(running.screen, CredentialScreen)
        assert "esc leaves it" in said(running)
        await pilot.press("escape")
        await pilot.pause()
        assert console.calls == []


async def test_a_locked_keyring_is_said_before_anything_is_typed() -> None:
    async with app().run_test(size=(120, 40)) as pilot:
        running = await opened(pilot, Asked(usable=False))
        await pilot.press("end", "s")
        await pilot.pause()
        assert not isinstance(running.screen, CredentialScreen)
        assert "the keyring is locked; unlock it" in said(running)


async def test_what_a_role_may_not_do_is_said_in_words_when_it_is_tried_and_in_the_help() -> None:
    console = Asked()
    who = Who(actor="bob", role="admin", front_end="tui", may={"set_secret": "needs the role super admin"})
    async with app().run_test(size=(120, 40)) as pilot:
        running = await opened(pilot, console, who=who)
        running.screen.query_one(Table).cursor = KEYLESS.id
        await pilot.press("s")
        await pilot.pause()
        assert "storing a credential needs the role super admin; you are admin" in said(running)
        assert console.calls == []
        shown = running.screen.query_one(Keys).render_line(0).text
        assert "s set key" in shown
        await pilot.press("question_mark")
        await pilot.pause()
        assert "storing a credential needs the role super admin; you are admin" in lines(running, "keys")


async def test_a_muted_key_that_is_clicked_says_why() -> None:
    who = Who(actor="bob", role="admin", front_end="tui", may={"check": "needs the role super admin"})
    async with app().run_test(size=(120, 40)) as pilot:
        running = await opened(pilot, Asked(), who=who)
        keys = running.screen.query_one(Keys)
        await pilot.click(Keys, offset=(keys.render_line(0).text.index("c check"), 0))
        await pilot.pause()
        assert "checking providers needs the role super admin" in said(running)


async def test_the_page_of_a_provider_explains_its_score_and_names_its_errors() -> None:
    slow = msgspec.structs.replace(
        SLOW,
        contradictions=("base_url: config.toml says a, catalogue b",),
        provenance={"models": "catalogue"},
        health=msgspec.structs.replace(
            SLOW.health, samples=214.0, latency_ms=1080.0, success_low=95.8, success_high=98.2
        ),
    )
    async with app().run_test(size=(120, 40)) as pilot:
        running = await opened(pilot, Asked(), health=health((*PROVIDERS[:3], slow, PROVIDERS[4])))
        running.screen.query_one(Table).cursor = "openai"
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(running.screen, DetailScreen)
        page = re.sub(" +", " ", lines(running, "portrait"))
        for words in (
            "28.0 / 30",
            "89.0 of 100 · third of 3 primaries",
            "Success lies between 95.8 and 98.2 %; 214 calls count",
            "answers within 0.3 s add 2.0",
            "8.0 more would pass DeepL",
            "server_error 4",
            "p99 6.20",
            "base_url: config.toml says a",
            "models catalogue",
        ):
            assert words in page, words
        await pilot.press("escape")
        await pilot.pause()
        assert running.screen.query_one(Table).cursor == "openai"


async def test_a_provider_that_leaves_the_map_leaves_a_sentence_on_its_page() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        running = await opened(pilot, Asked())
        await pilot.press("end", "enter")
        await pilot.pause()
        show(running, health=health(PROVIDERS[:2]))
        await pilot.pause()
        assert "is gone" in lines(running, "portrait")


async def test_an_engine_that_cannot_be_opened_says_why_and_r_tries_again() -> None:
    async with app().run_test(size=(120, 40)) as pilot:
        running = await opened(pilot, None)
        assert "open_again" not in {each.binding.action for each in running.screen.active_bindings.values()}
        running.change(Closed(NOW, "zoe is not in [access]"))
        running.change(Read(NOW, {"providers": {}, "health": None}))
        running.change(Closed(NOW, "zoe is not in [access]"))
        await pilot.pause()
        assert "The engine could not be opened." in lines(running, "headline")
        assert "zoe is not in [access]" in lines(running, "headline")
        await pilot.press("r")
        await pilot.pause()
        assert running.state.failure is None


async def test_trouble_of_the_console_stands_in_the_frame_until_it_is_mended() -> None:
    async with app().run_test(size=(120, 40)) as pilot:
        running = await opened(pilot, None)
        running.change(SettingsRejected(at=NOW, problem="config.toml:14:9: unknown key max_retrys"))
        running.change(StoreTroubled(at=NOW, problem="the database is locked", dropped=0))
        await pilot.pause()
        notes = running.screen.query_one(Nav).notes
        assert len(notes) == 2
        assert running.screen.query_one(Nav).size.height == 4
        running.change(SettingsReloaded(at=NOW, revision="r2"))
        running.change(StoreRecovered(at=NOW))
        await pilot.pause()
        assert running.screen.query_one(Nav).notes == []


async def test_below_the_smallest_size_one_sentence_says_so_and_nothing_is_lost() -> None:
    async with app().run_test(size=(120, 40)) as pilot:
        running = await opened(pilot, None)
        await pilot.press("end")
        await pilot.resize_terminal(40, 5)
        await pilot.pause()
        assert "This terminal is 40 by 5; the console needs 60 by 16." in " ".join(lines(running, "small").split())
        assert running.screen.query_one("#small").display
        assert running.screen.scrollbars_enabled == (False, False)
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert not running.screen.query_one("#small").display
        table = running.screen.query_one(Table)
        assert (table.cursor, table.has_focus) == ("deepl", True)


THEME = (Path(__file__).parents[2] / "themes" / "console-dark.toml").read_text().replace("console-dark", "mine")


async def test_a_theme_is_read_again_when_its_file_changes_and_a_bad_one_is_reported(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(THEME)
    running = ConsoleApp(
        opener=never, preview=Preview(theme="mine"), clock=StoppedClock(), themes=load_themes([tmp_path])
    )
    async with running.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert running.theme == "mine"
        (tmp_path / "mine.toml").write_text(THEME.replace('text = "#d8dde4"', 'text = "#ffffff"'))
        running._offer(load_themes([tmp_path]))
        await pilot.pause()
        assert running.theme_variables["pc-text"] == "#ffffff"
        (tmp_path / "mine.toml").write_text(THEME.replace('text = "#d8dde4"', 'text = "#111111"'))
        running._offer(load_themes([tmp_path]))
        await pilot.pause()
        assert running.theme == "console-dark"
        assert "has a contrast of" in said(running)


async def test_settings_of_appearance_take_effect_in_a_console_that_is_open() -> None:
    async with app().run_test(size=(120, 40)) as pilot:
        running = await opened(pilot, None, theme="console-dark")
        running.change(Read(NOW, {"theme": "console-light", "glyphs": "ascii", "environment": "production"}))
        await pilot.pause()
        assert running.theme == "console-light"
        frame = running.export_screenshot()
        assert "▼" not in frame
        assert "production" in frame
        running.change(Read(NOW, {"theme": "console-lihgt"}))
        await pilot.pause()
        assert running.theme == "console-light"
        assert "there is no theme 'console-lihgt'" in said(running)


async def test_ten_thousand_providers_are_shown_and_moved_through() -> None:
    many = tuple(provider(f"Provider {number:05}", score=99.0 - number / 1000) for number in range(10_000))
    async with app().run_test(size=(120, 40)) as pilot:
        running = await opened(pilot, None, health=health(many))
        table = running.screen.query_one(Table)
        await pilot.press("end")
        assert table.cursor == "provider_09999"
        await pilot.press("pageup", "up")
        assert table.keys.index(table.cursor or "") < 9_990


FIRST_PAINT = """
import asyncio, sys
from contextlib import asynccontextmanager
from provider_console.cli.terminal import open_terminal
from provider_console.glance import glance
from provider_console.tui.app import ConsoleApp
from provider_console.tui.clock import WallClock
from provider_console.tui.link import Preview
from provider_console.tui.themes import load_themes
import os
seen = glance(os.environ)
@asynccontextmanager
async def opener():
    await asyncio.Event().wait()
    yield None
app = ConsoleApp(opener=opener, preview=Preview(names=seen.names), clock=WallClock(), themes=load_themes([seen.themes]))
async def main():
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        print(*sorted(sys.modules))
asyncio.run(main())
"""


def test_the_first_frame_loads_no_engine_no_http_and_no_keyring() -> None:
    done = subprocess.run([sys.executable, "-c", FIRST_PAINT], capture_output=True, text=True, check=True, timeout=20)
    loaded = set(done.stdout.split())
    assert "provider_console.tui.screens.health" in loaded
    for name in ("httpx", "aiohttp", "keyring", "aiosqlite", "tomlkit"):
        assert name not in loaded, name
    heavy = {name for name in loaded if name.startswith(("provider_console.engine", "provider_console.bootstrap"))}
    assert heavy == set()


def test_an_answer_takes_back_what_was_said_in_place_of_one() -> None:
    state = reduce(State(now=NOW, open=True), Unanswered(NOW, "the database is locked"))
    assert state.failure == "the database is locked"
    assert reduce(state, Read(NOW + 1, {"coverage": COVERAGE})).failure is None


async def test_what_the_console_refuses_is_said() -> None:
    class Refusing(Asked):
        async def check(self, provider_id: str | None = None) -> Sequence[CheckView]:
            raise ConsoleError("the console is \x1b[31mshutting down")

    async with app().run_test(size=(120, 40)) as pilot:
        running = await opened(pilot, Refusing())
        await pilot.press("end", "c")
        await pilot.pause()
        assert "shutting down" in said(running)
        assert "\x1b" not in said(running)
        assert running.state.checking is None
