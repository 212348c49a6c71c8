"""What Activity says, without a terminal."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from tests.tui import activity_scene
from tests.tui.activity_scene import ALERTS, DOWN, KEYLESS, NOT_SERVED, QUOTA, RULES, SLOW, TRAIL
from tests.tui.scene import NOW, scene
from tests.tui.workflows.fleet import COVERAGE, PROVIDERS

from provider_console.console.events import AlertChanged, AlertCleared, AlertFired
from provider_console.console.views import AlertView, AuditEntry, AuditVerdict, iso
from provider_console.tui.changes import AlertRead
from provider_console.tui.glyphs import ASCII, UNICODE, in_ascii
from provider_console.tui.ink import plain, width_of
from provider_console.tui.pages import activity, alerts, frame, snooze, trail
from provider_console.tui.reduce import newest_first, reduce
from provider_console.tui.state import ALERTS_KEPT, State, Verified

SIZES = [60, 72, 80, 99, 100, 120, 160, 200]
HOSTILE = "\x1b[31mred\x1b[0m [/] [@click=app.quit]x \u202etxt\r\n\tnext " + "long" * 200


def morning(**more: Any) -> State:
    fields = {"now": NOW, "coverage": COVERAGE, "alerts": ALERTS, "rules": RULES, "trail": TRAIL, **more}
    return replace(scene(PROVIDERS), **fields)


def text(lines: object) -> str:
    return "\n".join(plain(each) for each in lines)  # type: ignore[attr-defined]


def entry(seq: int, **more: Any) -> AuditEntry:
    fields = {
        "at": iso(NOW - seq),
        "actor": "alice",
        "role": "admin",
        "front_end": "cli",
        "action": "check",
        "subject": "deepl",
        "phase": "intent",
        "refers_to": None,
        "result": "pending",
        "before": None,
        "after": None,
    }
    return AuditEntry(**{**fields, "seq": seq, **more})


# --- alerts ----------------------------------------------------------------------------------------------------------


def test_the_worst_alert_that_rings_comes_first_then_the_quiet_ones_then_what_is_over() -> None:
    assert [alert.state for alert in alerts.entries(morning())] == ["firing"] * 3 + ["acknowledged", "snoozed"] + [
        "cleared"
    ] * 3
    assert {alert.id for alert in alerts.entries(morning())[:2]} == {DOWN.id, NOT_SERVED.id}


@pytest.mark.parametrize(
    ("ringing", "said"),
    [
        ((SLOW, DOWN), "2 alerts ring. The worst: LibreTranslate is down since 14:00:05."),
        ((SLOW,), "1 alert rings: OpenAI is slow: p95 3410 ms since 14:01:58."),
        ((KEYLESS, QUOTA), "Nothing rings."),
        ((), "Nothing rings."),
    ],
)
def test_the_sentence_says_what_rings_and_not_what_is_quiet(
    ringing: tuple[AlertView, ...], said: str, utc: None
) -> None:
    assert plain(alerts.sentence(morning(alerts=ringing))) == said


@pytest.mark.parametrize(
    ("alert", "key", "label"),
    [
        (NOT_SERVED, "enter", "coverage"),
        (DOWN, "c", "check"),
        (KEYLESS, "s", "set key"),
        (QUOTA, "enter", "go there"),
        (msgspec.structs.replace(SLOW, command="provider-console config set a.b c"), "enter", "go there"),
    ],
)
def test_each_alert_names_the_key_that_does_what_is_to_be_tried_first(alert: AlertView, key: str, label: str) -> None:
    step = alerts.step_of(alert, morning())

    assert step is not None
    assert (step.key, step.label) == (key, label)


def test_an_alert_that_is_over_asks_for_nothing() -> None:
    over = next(alert for alert in ALERTS if alert.state == "cleared")

    assert alerts.step_of(over, morning()) is None
    assert alerts.mark(over, morning(), UNICODE).ink == "faint"


def test_a_snoozed_alert_is_muted_and_keeps_the_colour_of_its_mark() -> None:
    spans = alerts.alert_row(KEYLESS, morning(), 120, UNICODE, selected=False)

    assert next(span.ink for span in spans if span.text == "◇") == "held"
    assert next(span.ink for span in spans if span.text.startswith("Azure OpenAI")) == "muted"


def test_an_alert_of_a_clock_that_jumped_has_not_lasted_a_negative_time() -> None:
    assert "0.0 s" in plain(alerts.second_row(DOWN, morning(now=NOW - 9_000), 120))


@pytest.mark.parametrize("width", SIZES)
@pytest.mark.parametrize("selected", [True, False])
def test_rows_of_alerts_fit_every_width(width: int, selected: bool) -> None:
    wild = msgspec.structs.replace(DOWN, title=HOSTILE, evidence=HOSTILE, first_try=HOSTILE, subject=HOSTILE)
    for alert in (*ALERTS, wild):
        for shown in (
            alerts.alert_row(alert, morning(), width, UNICODE, selected=selected),
            alerts.second_row(alert, morning(), width),
            *alerts.brief(alert, morning(), width),
            *alerts.header(width, UNICODE, ruled=True),
        ):
            assert width_of(shown) <= width
            assert plain(shown).isprintable()


def test_where_nothing_rang_the_rules_stand_with_what_is_wrong() -> None:
    said = text(alerts.nothing(morning(alerts=()), "", 120, UNICODE))

    assert "No alert is on record. 3 rules are watched:" in said
    assert "failure_rate > twenty" in said
    assert "column 16: expected a number, found 'twenty'" in said


def test_alerts_that_are_not_known_yet_are_not_said_to_be_none() -> None:
    said = text(alerts.nothing(State(now=NOW), "", 120, UNICODE))

    assert said.strip() == "not known yet …"


def test_a_filter_that_finds_no_alert_says_how_to_clear_it() -> None:
    assert alerts.entries(morning(), "openai p95") == [SLOW]
    assert "matches no alert. esc clears" in text(alerts.nothing(morning(), "nix", 120, UNICODE))


# --- the frame -------------------------------------------------------------------------------------------------------


def test_the_title_carries_how_many_ring_and_nothing_where_none_does() -> None:
    assert plain(frame.rings(morning(), UNICODE)) == "▲3"
    assert plain(frame.rings(morning(alerts=(KEYLESS,)), UNICODE)) == ""
    assert in_ascii("▲") == ASCII.rings == "!"


def test_what_begins_and_ends_is_said_for_a_while() -> None:
    fired = reduce(morning(alerts=()), AlertFired(at=NOW, alert=DOWN))
    over = msgspec.structs.replace(DOWN, state="cleared", cleared_at=iso(NOW))

    assert plain(frame.notice(fired, UNICODE)) == "▲ LibreTranslate is down"
    assert plain(frame.notice(replace(fired, now=NOW + frame.NOTICE_S), UNICODE)) == ""
    assert plain(frame.notice(reduce(fired, AlertCleared(at=NOW, alert=over)), UNICODE)) == (
        "● over: LibreTranslate is down"
    )


def test_an_alert_that_somebody_looks_after_is_no_news_any_more() -> None:
    fired = reduce(morning(alerts=()), AlertFired(at=NOW, alert=DOWN))
    seen = reduce(fired, AlertRead(msgspec.structs.replace(DOWN, state="acknowledged")))

    assert plain(frame.notice(seen, UNICODE)) == ""


def test_an_alert_whose_snooze_is_over_is_news_again() -> None:
    state = reduce(morning(), AlertChanged(at=NOW, alert=msgspec.structs.replace(KEYLESS, state="firing")))

    assert plain(frame.notice(state, UNICODE)) == "▲ Azure OpenAI: credential missing"


def test_what_is_open_is_never_forgotten_and_what_is_over_is_bounded() -> None:
    over = [
        msgspec.structs.replace(DOWN, id=f"O{n}", state="cleared", fired_at=iso(NOW - n))
        for n in range(ALERTS_KEPT + 5)
    ]
    old = msgspec.structs.replace(DOWN, fired_at=iso(NOW - 1_000_000))
    kept = newest_first((*over, old, old))

    assert len(kept) == ALERTS_KEPT + 1
    assert kept[-1] == old


# --- the audit trail -------------------------------------------------------------------------------------------------


def test_an_intent_and_its_outcome_are_one_deed() -> None:
    rows = trail.deeds((entry(2, phase="outcome", refers_to=1, result="done"), entry(1, after='{"a": 1}')))

    assert [(deed.seq, deed.result, deed.rows) for deed in rows] == [(1, "done", (1, 2))]
    assert rows[0].after == '{"a": 1}'


def test_a_deed_without_an_end_is_not_said_to_be_ok() -> None:
    (deed,) = trail.deeds((entry(1),))

    assert trail.result_of(deed)[0] == "no end"


def test_an_outcome_whose_intent_is_on_another_page_stands_alone() -> None:
    (deed,) = trail.deeds((entry(9, phase="outcome", refers_to=8, result="failed"),))

    assert (deed.seq, deed.result) == (9, "failed")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("2", {"key": "engine.max_providers", "value": 3}, "2 › 3"),
        ("null", {"key": "engine.max_cost", "value": 3}, "not set › 3"),
        (None, {"key": "engine.max_retries", "value": 1}, "value 1"),
        ("enabled: true", {"provider_id": "acme", "enabled": False}, "on › off"),
        (None, {"alert_id": "A", "for_s": 3600.0}, "for 1 h"),
        (None, {"name": "A_KEY", "value": "…"}, ""),
        (None, None, ""),
    ],
)
def test_what_changed_is_said_in_few_words(before: str | None, after: Any, said: str) -> None:
    (deed,) = trail.deeds((entry(1, before=before, after=None if after is None else json.dumps(after)),))

    assert plain(trail.change(deed, UNICODE)) == said


@pytest.mark.parametrize("width", SIZES)
@pytest.mark.parametrize(
    "wild",
    [
        HOSTILE,
        json.dumps({"key": HOSTILE, "value": HOSTILE}),
        json.dumps({"enabled": HOSTILE, HOSTILE: [HOSTILE]}),
        json.dumps({"a": 1, "for_s": 1e300}),
        '{"cut": "in the mid',
        "[" * 5_000,
        '{"value": NaN, "for_s": Infinity}',
    ],
)
def test_hostile_details_of_the_trail_are_data(width: int, wild: str) -> None:
    hostile = entry(3, actor=HOSTILE, role=HOSTILE, front_end=HOSTILE, action=HOSTILE, subject=HOSTILE)
    deeds = trail.deeds((msgspec.structs.replace(hostile, before=wild, after=wild, result=HOSTILE), entry(1)))

    for shown in (
        *(trail.deed_row(deed, None, width, UNICODE, selected=True) for deed in deeds),
        *trail.brief(deeds[0], width, UNICODE),
        *trail.whole(deeds[0], width),
    ):
        assert width_of(shown) <= width
        assert "\x1b" not in plain(shown)
        assert "\u202e" not in plain(shown)
        assert plain(shown).isprintable()


def test_a_newer_page_is_put_before_what_is_known_where_they_touch() -> None:
    known = tuple(entry(seq) for seq in range(20, 0, -1))

    assert [each.seq for each in trail.joined(known, [entry(seq) for seq in range(25, 18, -1)])] == list(
        range(25, 0, -1)
    )
    assert [each.seq for each in trail.joined(known, [entry(40), entry(39)])] == [40, 39]
    assert [each.seq for each in trail.joined((), known)] == [each.seq for each in known]


def test_the_trail_is_filtered_by_any_of_its_words() -> None:
    assert {deed.actor for deed in trail.deeds(TRAIL, "BOB enabled")} == {"bob"}
    assert trail.deeds(TRAIL, "refused") == [deed for deed in trail.deeds(TRAIL) if deed.result == "refused"]
    assert trail.deeds(TRAIL, "Azure OpenAI", {KEYLESS.id: KEYLESS.title}) != []


def test_the_trail_tells_people_from_tokens_and_what_did_not_go_through() -> None:
    state = morning()

    assert plain(trail.sentence(state, trail.deeds(TRAIL))) == (
        "2 people and 1 token acted in the last 24 h: 14 actions, 1 refused, 1 failed."
    )
    assert plain(trail.sentence(state, trail.deeds((entry(1),)))) == "1 person acted in the last 24 h: 1 action."
    assert plain(trail.sentence(morning(trail=()), ())) == "Nobody did anything in the last 24 h."
    assert plain(trail.sentence(morning(trail=None), ())) == "The audit trail is being read …"


@pytest.mark.parametrize(
    ("verified", "said"),
    [
        (None, "Audit chain not verified yet: V walks it"),
        (Verified(NOW - 3), "Walking 107 rows of the audit chain … 3 s"),
        (
            Verified(NOW - 3, NOW, AuditVerdict(ok=True, rows=107, signed_up_to=64)),
            "Audit chain intact: 107 rows, signed up to row 64, verified at 14:02:11",
        ),
        (
            Verified(NOW - 3, NOW, AuditVerdict(ok=True, rows=107, signed_up_to=None)),
            "Audit chain intact: 107 rows, no keyring to sign with, verified at 14:02:11",
        ),
        (
            Verified(NOW - 3, NOW, AuditVerdict(ok=False, rows=107, signed_up_to=64, broken_at=71, reason="\x1b[2Jno")),
            "▼ The audit trail is not intact at row 71: �no, verified at 14:02:11",
        ),
    ],
)
def test_the_chain_is_said_to_be_what_a_walk_found(verified: Verified | None, said: str, utc: None) -> None:
    assert plain(trail.chain(morning(verified=verified), UNICODE)) == said


def test_a_walk_is_told_in_a_sentence_with_the_row_it_is_signed_up_to() -> None:
    assert activity.verdict(AuditVerdict(ok=True, rows=1, signed_up_to=1)) == (
        "the audit trail is intact: 1 row, signed up to row 1"
    )


@pytest.mark.parametrize("width", SIZES)
def test_every_row_of_the_trail_fits_and_has_an_ascii_twin(width: int) -> None:
    for deed in trail.deeds(TRAIL):
        shown = trail.deed_row(deed, None, width, ASCII, selected=False)
        assert width_of(shown) <= width
        assert in_ascii(plain(shown)).isascii()


def test_the_active_view_is_underlined_and_no_other() -> None:
    assert [span.text for span in activity.words("trail", 120) if span.underline] == ["audit trail"]


# --- snoozing --------------------------------------------------------------------------------------------------------


def test_until_tomorrow_is_eight_in_the_morning(utc: None) -> None:
    assert snooze.seconds("tomorrow", NOW) == (24 - 14 + 8) * 3600 - 2 * 60 - 11
    assert snooze.seconds("4h", NOW) == 14_400.0
    assert snooze.seconds("other", NOW) is None


@pytest.mark.parametrize("typed", ["", "soon", "30s", "31d", "1h30m", "-2h", "9" * 30 + "d", "٣h"])
def test_what_is_no_span_is_refused(typed: str) -> None:
    assert snooze.typed(typed) is None


def test_the_scene_is_of_the_moment_that_it_says() -> None:
    assert activity_scene.NOW == NOW
