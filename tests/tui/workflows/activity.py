"""Workflows of Activity: what rings and what to do about it, who did what, and whether the trail is intact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from tests.tui import activity_scene as scene
from tests.tui.activity_scene import ALERTS, DOWN, NOW, RULES, SLOW
from tests.tui.workflows import fleet

from provider_console.console.events import AlertCleared, AlertFired
from provider_console.console.views import AlertView, AuditVerdict, iso
from provider_console.testing.operator import filter_by, open_mode, select, tell
from provider_console.testing.workflow import Workflow, enter, expect, press, resize, see, see_no, snapshot, theme
from provider_console.tui.app import ConsoleApp
from provider_console.tui.state import State


def console(alerts: Sequence[AlertView] = ALERTS, **answers: Any) -> Any:
    """The console of that morning; what is done about an alert stays done."""
    known = {alert.id: alert for alert in alerts}

    def listed(*, only_open: bool = False, limit: int = 100) -> Sequence[AlertView]:
        return [alert for alert in known.values() if not only_open or alert.state != "cleared"][:limit]

    def changed(alert_id: str, **fields: Any) -> AlertView:
        known[alert_id] = msgspec.structs.replace(known[alert_id], **fields)
        return known[alert_id]

    return fleet.console(
        **{
            "alerts": listed,
            "alert_rules": RULES,
            "audit": scene.audit,
            "log": scene.log,
            "acknowledge_alert": lambda alert_id: changed(
                alert_id, state="acknowledged", acknowledged_by="alice", acknowledged_at=iso(NOW)
            ),
            "snooze_alert": lambda alert_id, *, for_s: changed(
                alert_id, state="snoozed", snoozed_until=iso(NOW + for_s)
            ),
            "verify_audit": AuditVerdict(ok=True, rows=len(scene.TRAIL), signed_up_to=len(scene.TRAIL)),
            **answers,
        }
    )


def app() -> ConsoleApp:
    """The terminal of that morning."""
    return fleet.app(console())


def quiet_app() -> ConsoleApp:
    """A console on which nothing has ever rung."""
    return fleet.app(console(()))


def broken_app() -> ConsoleApp:
    """A console whose trail somebody has changed."""
    verdict = AuditVerdict(ok=False, rows=107, signed_up_to=64, broken_at=71, reason="row 71 is not what was written")
    return fleet.app(console(verify_audit=verdict))


def _state_of(alert: AlertView) -> Any:
    return lambda state: next(each.state for each in state.alerts if each.id == alert.id)


def _ringing(state: State) -> int:
    return sum(alert.state == "firing" for alert in state.alerts)


RINGS: Final = Workflow(
    "what rings is read at every size",
    [
        see("Served, except translate en›sr."),
        open_mode("activity"),
        see("3 alerts ring.", "nobody serves translate en›sr", "c check", "s set key", "Activity ▲3", "Audit"),
        expect("three ring", lambda state: _ringing(state) == 3),
        snapshot("activity-120x40-dark"),
        resize(200, 60),
        see("1 acknowledged · 1 snoozed · 3 ended in 24 h"),
        expect("three ring", lambda state: _ringing(state) == 3),
        snapshot("activity-200x60-dark"),
        resize(80, 24),
        select(DOWN.id),
        see("First: Is the server running there?", "c check"),
        expect("three ring", lambda state: _ringing(state) == 3),
        snapshot("activity-80x24-dark"),
    ],
)
THEMES: Final = Workflow(
    "what rings is read in every theme",
    [
        see("Served, except translate en›sr."),
        open_mode("activity"),
        see("3 alerts ring.", "Audit"),
        theme("console-light"),
        expect("three ring", lambda state: _ringing(state) == 3),
        snapshot("activity-120x40-light"),
        theme("console-contrast"),
        expect("three ring", lambda state: _ringing(state) == 3),
        snapshot("activity-120x40-contrast"),
        theme("console-mono"),
        expect("three ring", lambda state: _ringing(state) == 3),
        snapshot("activity-120x40-mono"),
    ],
)
QUIET: Final = Workflow(
    "an alert is looked after and another one snoozed",
    [
        see("Served, except translate en›sr."),
        open_mode("activity"),
        see("3 alerts ring."),
        select(DOWN.id),
        press("a"),
        see("acknowledged by alice", "2 alerts ring."),
        expect("it is acknowledged", lambda state: _state_of(DOWN)(state) == "acknowledged"),
        select(SLOW.id),
        press("z"),
        see("for 1 hour", "until tomorrow, 8:00"),
        expect("it rings while the question stands", lambda state: _state_of(SLOW)(state) == "firing"),
        snapshot("snooze-120x40-dark"),
        press("end", "enter"),
        enter("1h"),
        press("backspace", "backspace", "9", "9", "d", "enter"),
        see("'99d' is no span from 1m to 30d"),
        press("backspace", "backspace", "backspace"),
        enter("90m"),
        press("enter"),
        see("snoozed until 15:32", "1 alert rings:"),
        expect("it is snoozed", lambda state: _state_of(SLOW)(state) == "snoozed"),
    ],
)
GOES: Final = Workflow(
    "an alert leads to where it is mended",
    [
        see("Served, except translate en›sr."),
        open_mode("activity"),
        select(DOWN.id),
        press("enter"),
        see("LibreTranslate", "connection refused"),
        press("escape"),
        see("3 alerts ring."),
        select(scene.NOT_SERVED.id),
        press("enter"),
        see("nobody"),
        press("escape"),
        see("3 alerts ring."),
    ],
)
NOTICES: Final = Workflow(
    "the frame says what begins to ring and what is over",
    [
        see("Served, except translate en›sr."),
        tell(AlertFired(at=NOW, alert=DOWN)),
        see("▲ LibreTranslate is down"),
        expect("the last news is that it rings", lambda state: isinstance(state.rang, AlertFired)),
        snapshot("rings-120x40-dark"),
        resize(80, 24),
        see("▲ LibreTranslate is down"),
        tell(AlertCleared(at=NOW, alert=msgspec.structs.replace(DOWN, state="cleared", cleared_at=iso(NOW)))),
        see("over: LibreTranslate is down"),
        see_no("▲ libretranslate"),
        expect("two ring", lambda state: _ringing(state) == 2),
        snapshot("over-80x24-dark"),
    ],
)
TRAIL: Final = Workflow(
    "who did what is found, opened and verified",
    [
        see("Served, except translate en›sr."),
        open_mode("activity"),
        press("T"),
        see(
            "2 people and 1 token acted in the last 24 h:",
            "refused: role",
            "console-dark › console-light",
            "Sat 21 Nov 2026",
        ),
        press("V"),
        see("Audit chain intact: 107 rows, signed up to row 107"),
        expect("it was verified", lambda state: state.verified is not None and state.verified.verdict is not None),
        snapshot("trail-120x40-dark"),
        resize(80, 24),
        # The message, whole: it is as wide as there may be any.
        see("the audit trail is intact: 107 rows, signed up to row 107"),
        expect("it was verified", lambda state: state.verified is not None and state.verified.verdict is not None),
        snapshot("trail-80x24-dark"),
        resize(120, 40),
        filter_by("bob enabled"),
        see("off › on", "on › off"),
        see_no("engine.max_providers"),
        press("enter", "enter"),
        see("enabled: false", '"provider_id":', "rows"),
        expect("nothing left the trail", lambda state: len(state.trail or ()) == len(scene.TRAIL)),
        snapshot("deed-120x40-dark"),
        press("escape", "escape"),
        see("engine.max_providers"),
    ],
)
BROKEN: Final = Workflow(
    "a trail that was changed says where",
    [
        see("Served, except translate en›sr."),
        open_mode("activity"),
        press("V"),
        see("The audit trail is not intact at row 71", "row 71 is not what was written"),
        theme("console-light"),
        expect("it is broken", lambda state: state.verified is not None and state.verified.ended is not None),
        snapshot("broken-trail-120x40-light"),
    ],
)
LOG: Final = Workflow(
    "the log is followed, held still and searched",
    [
        see("Served, except translate en›sr."),
        open_mode("activity"),
        press("L"),
        see("1 error and 1 warning in the last 48 lines", "following", "an alert rings: OpenAI is slow"),
        see_no("a round of 14 checks begins"),
        expect("all lines were read", lambda state: len(state.log) == len(scene.LOG)),
        snapshot("log-120x40-dark"),
        press("up"),
        see("1 below"),
        press("end"),
        see("following"),
        press("left_square_bracket"),
        filter_by("round of 14"),
        see("a round of 14 checks begins"),
        press("escape"),
        press("right_square_bracket", "right_square_bracket", "right_square_bracket", "p"),
        see("the plugin acme failed", "paused"),
        see_no("refused the connection"),
        resize(80, 24),
        theme("console-light"),
        expect("all lines were read", lambda state: len(state.log) == len(scene.LOG)),
        snapshot("log-80x24-light"),
        press("enter"),
        see("Traceback (most recent call last):", "raise ValueError"),
        press("escape"),
        see("paused"),
    ],
)
EMPTY: Final = Workflow(
    "where nothing has rung the rules are named",
    [
        see("Served, except translate en›sr."),
        open_mode("activity"),
        see("Nothing rings.", "3 rules are watched", "column 16: expected a number"),
        expect("there is no alert", lambda state: not state.alerts),
        snapshot("activity-empty-120x40-dark"),
    ],
)
ALL: Final = (
    *((workflow, app) for workflow in (RINGS, THEMES, QUIET, GOES, NOTICES, TRAIL, LOG)),
    (BROKEN, broken_app),
    (EMPTY, quiet_app),
)
