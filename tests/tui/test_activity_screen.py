"""Activity in the hand: what its keys ask of the console, what a role may not, what is said without an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from tests.tui import activity_scene as scene
from tests.tui.activity_scene import ALERTS, DOWN, KEYLESS, NOW, TRAIL
from tests.tui.workflows import activity as flows
from tests.tui.workflows import fleet

from provider_console.console.access import ACTIONS
from provider_console.console.errors import BadRequest, StorageUnavailable
from provider_console.console.events import AlertChanged, AlertFired
from provider_console.console.views import AuditEntry, AuditVerdict, LogLine, Who, iso
from provider_console.testing.frozen import FrozenClock, FrozenConsole
from provider_console.testing.operator import open_mode, select
from provider_console.testing.workflow import Stage, Workflow, do, expect, play, press, resize, see, see_no
from provider_console.tui.changes import Unanswered
from provider_console.tui.widgets.table import Table

pytestmark = pytest.mark.usefixtures("utc")

READY = see("4 of 14 providers need attention.")
HOSTILE = "\x1b[2J\x1b]0;owned\x07[/] [@click=app.quit]x[/] \u202eevil"


def asked(console: FrozenConsole, method: str) -> list[tuple[tuple[Any, ...], Any]]:
    return [(args, dict(named)) for name, args, named in console.asked if name == method]


async def run(console: FrozenConsole, *steps: Any, size: tuple[int, int] = (120, 40), **more: Any) -> None:
    await play(Workflow("a morning", [READY, open_mode("activity"), *steps], size=size), fleet.app(console, **more))


async def test_each_key_asks_the_console_for_what_it_says() -> None:
    console = flows.console(check=())

    await run(
        console,
        select(DOWN.id),
        press("c"),
        press("a"),
        see("acknowledged by alice"),
        select(KEYLESS.id),
        press("z", "enter"),
        see("snoozed until 15:02"),
        press("V"),
        see("Audit chain intact"),
    )

    assert asked(console, "check") == [(("libretranslate",), {})]
    assert asked(console, "acknowledge_alert") == [((DOWN.id,), {})]
    assert asked(console, "snooze_alert") == [((KEYLESS.id,), {"for_s": 3600.0})]
    assert asked(console, "verify_audit") == [((), {})]


async def test_what_was_acknowledged_elsewhere_is_seen_here() -> None:
    console = flows.console()

    def told(_stage: Stage) -> None:
        console.happen(
            AlertChanged(at=NOW, alert=msgspec.structs.replace(DOWN, state="acknowledged", acknowledged_by="bob"))
        )

    await run(console, see("3 alerts ring."), do("bob acknowledges it", told), see("2 alerts ring."))


async def test_the_title_counts_up_when_an_alert_fires_in_any_mode() -> None:
    console = flows.console(())

    def fired(_stage: Stage) -> None:
        console.happen(AlertFired(at=NOW, alert=DOWN))

    await run(console, press("1"), do("it fires", fired), see("Activity ▲1", "▲ LibreTranslate is down"))


async def test_an_alert_that_cleared_meanwhile_says_so() -> None:
    console = flows.console(acknowledge_alert=BadRequest("LibreTranslate is down: that alert has cleared already"))

    await run(
        console,
        select(DOWN.id),
        press("a"),
        see("that alert has cleared already"),
        expect("it rings on here", lambda state: sum(alert.state == "firing" for alert in state.alerts) == 3),
    )


async def test_a_role_that_may_not_is_told_what_it_needs() -> None:
    may = dict.fromkeys(ACTIONS) | {"acknowledge_alert": "needs the role super admin"}
    console = flows.console(whoami=Who(actor="bob", role="admin", front_end="terminal", may=may))

    await run(
        console,
        select(DOWN.id),
        press("a"),
        see("acknowledging an alert needs the role super admin"),
        see("3 alerts ring."),
    )

    assert not asked(console, "acknowledge_alert")


async def test_what_is_over_is_neither_acknowledged_nor_snoozed() -> None:
    console = flows.console()
    over = next(alert for alert in ALERTS if alert.state == "cleared")

    await run(console, select(over.id), press("a", "z"), see_no("Snooze:"))

    assert not asked(console, "acknowledge_alert")


async def test_older_pages_of_the_trail_are_read_as_one_goes_down() -> None:
    rows = [
        AuditEntry(
            seq=seq,
            at=iso(NOW - 1000 + seq),
            actor="alice",
            role="admin",
            front_end="cli",
            action="check",
            subject=f"provider_{seq}",
            phase="intent",
            refers_to=None,
            result="pending",
            before=None,
            after=None,
        )
        for seq in range(500, 0, -1)
    ]

    def audit(*, since: str | None = None, limit: int = 200, before: int | None = None) -> Sequence[AuditEntry]:
        return [row for row in rows if before is None or row.seq < before][:limit]

    console = flows.console(audit=audit)

    await run(
        console,
        press("T"),
        see("provider_500"),
        press("end"),
        expect("two pages are known", lambda state: len(state.trail or ()) == 400),
        press("end"),
        expect("all of it is known", lambda state: len(state.trail or ()) == 500),
        press("end"),
        see("provider_1 "),
    )

    assert {named.get("before") for _args, named in asked(console, "audit")} >= {None, 301, 101}


async def test_a_trail_that_cannot_be_walked_says_why_and_claims_nothing() -> None:
    console = flows.console(verify_audit=StorageUnavailable("audit.db cannot be read: disk I/O error"))

    await run(console, press("V"), see("audit.db cannot be read: disk I/O error", "Audit chain not verified yet"))


async def test_a_walk_of_a_long_trail_says_that_it_goes_on() -> None:
    console = flows.console()
    clock = FrozenClock()

    async def walking() -> AuditVerdict:
        await clock.sleep(5)
        return AuditVerdict(ok=True, rows=107, signed_up_to=107)

    console.answers["verify_audit"] = walking

    await run(
        console,
        see("Audit"),
        press("V"),
        see("Walking 107 rows of the audit chain …"),
        do("five seconds pass", lambda _stage: clock.advance(5)),
        see("Audit chain intact: 107 rows"),
        clock=clock,
    )


async def test_what_stood_there_stays_while_the_engine_does_not_answer() -> None:
    console = flows.console()

    def silent(stage: Stage) -> None:
        stage.app.change(Unanswered(NOW))  # type: ignore[attr-defined]

    await run(console, see("3 alerts ring."), do("it is silent", silent), see("without the engine", "3 alerts ring."))


async def test_hostile_text_of_alerts_trail_and_log_is_shown_as_text() -> None:
    wild = msgspec.structs.replace(DOWN, title=HOSTILE, evidence=HOSTILE, first_try=HOSTILE, acknowledged_by=HOSTILE)
    rows = tuple(
        msgspec.structs.replace(row, actor=HOSTILE, action=HOSTILE, subject=HOSTILE, before=HOSTILE, after=HOSTILE)
        for row in TRAIL[:6]
    )
    lines = [
        LogLine(seq=1, at=iso(NOW), level=HOSTILE, source=HOSTILE, message=HOSTILE, traceback=f"{HOSTILE}\n  {HOSTILE}")
    ]
    console = flows.console((wild,), audit=lambda **_named: rows, log=lambda **_named: lines)
    seen: list[str] = []

    def look(stage: Stage) -> None:
        seen.append(stage.text)

    await run(
        console,
        see("[@click=app.quit]x"),
        do("look", look),
        press("T"),
        see("[@click=app.quit]x"),
        do("look", look),
        press("enter"),
        see("target"),
        do("look", look),
        press("escape", "L", "left_square_bracket"),
        see("[@click=app.quit]x"),
        press("enter"),
        see("what"),
        do("look", look),
    )

    assert seen
    assert not [text for text in seen if "\x1b" in text or "\x07" in text or "\u202e" in text]


async def test_the_log_is_read_on_from_its_last_line_and_stands_still_while_paused() -> None:
    known = list(scene.LOG[:3])
    console = flows.console(log=lambda *, after=0, limit=200: [each for each in reversed(known) if each.seq > after])
    clock = FrozenClock()

    def more(_stage: Stage) -> None:
        known.extend(scene.LOG[3:40])
        clock.advance(2)

    await run(
        console,
        press("L"),
        see("following"),
        press("p"),
        see("paused"),
        do("more is said", more),
        see("paused, 37 new"),
        see_no("round 20"),
        press("p"),
        see("round 20", "following"),
        clock=clock,
    )

    assert ((), {"after": 3, "limit": 1_000}) in asked(console, "log")


async def test_the_selected_alert_stays_selected_at_every_size() -> None:
    def selected(stage: Stage) -> None:
        assert stage.app.screen.query_one("#alerts", Table).cursor == KEYLESS.id

    steps = [step for size in ((80, 24), (60, 16), (200, 60)) for step in (resize(*size), do("look", selected))]

    await run(flows.console(), select(KEYLESS.id), *steps)


async def test_the_marks_are_plain_where_the_settings_say_so() -> None:
    await run(flows.console(), see("3 alerts ring.", "Activity !3", "nobody serves translate en>sr"), glyphs="ascii")
