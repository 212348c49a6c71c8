"""A made-up morning: what rings, what is kept quiet and what is over, and who did what."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from provider_console.console.views import AlertRuleView, AlertView, AuditEntry, LogLine, iso
from provider_console.testing.frozen import MOMENT

NOW: Final = MOMENT


def alert(name: str, subject: str, title: str, ago_s: float, first_try: str, **more: Any) -> AlertView:
    """An alert that began some seconds ago."""
    return AlertView(
        **{
            "id": f"01KAVZ8QALERT{name.upper():X<13}",
            "rule": name,
            "subject": subject,
            "title": title,
            "evidence": "",
            "first_try": first_try,
            "command": f"provider-console check {subject}",
            "state": "firing",
            "fired_at": iso(NOW - ago_s),
            **more,
        }
    )


NOT_SERVED: Final = alert(
    "served",
    "translation translate:en>sr",
    "nobody serves translate en›sr",
    126,
    "Bring back LibreTranslate.",
    rule="not served",
    evidence="coverage 0 · rule: coverage = 0",
    command="provider-console check libretranslate",
)
DOWN: Final = alert(
    "down",
    "libretranslate",
    "LibreTranslate is down",
    126,
    "Is the server running there?",
    rule="provider down",
    evidence="down 2 m 06 s · connection refused · state down · rule: state = down",
)
SLOW: Final = alert(
    "slow",
    "openai",
    "OpenAI is slow: p95 3410 ms",
    13,
    "Is it loaded? Give it a later tier while it is.",
    evidence="slow, p95 3.4 s · p95 3410 · rule: p95 > 3000 for 60s",
)
KEYLESS: Final = alert(
    "key",
    "azure_openai",
    "Azure OpenAI: credential missing",
    3412,
    "Store AZURE_OPENAI_KEY.",
    rule="credential missing",
    evidence="credential missing · rule: credential = missing",
    command="provider-console secrets set AZURE_OPENAI_KEY",
    state="snoozed",
    snoozed_until=iso(NOW + 7069),
)
QUOTA: Final = alert(
    "quota",
    "gemini",
    "Gemini is held",
    900,
    "Raise the daily quota, or wait.",
    evidence="quota used · state held · rule: state = held",
    state="acknowledged",
    acknowledged_at=iso(NOW - 600),
    acknowledged_by="bob",
)
OVER: Final = tuple(
    alert(
        f"over{place}",
        subject,
        title,
        ago_s,
        "Is the server running there?",
        state="cleared",
        cleared_at=iso(NOW - ago_s + lasted_s),
    )
    for place, (subject, title, ago_s, lasted_s) in enumerate(
        (
            ("deepl", "DeepL is down", 5_400, 240),
            ("groq", "21.4 % of calls to groq fail", 22_000, 95),
            ("ollama", "Ollama is down", 90_000, 3_700),
        )
    )
)
ALERTS: Final = (SLOW, DOWN, NOT_SERVED, QUOTA, KEYLESS, *OVER)
RULES: Final = (
    AlertRuleView(name="provider down", when="state = down", shipped=True, watched=True),
    AlertRuleView(name="not served", when="coverage = 0", shipped=True, watched=True),
    AlertRuleView(name="credential missing", when="credential = missing", shipped=True, watched=True),
    AlertRuleView(
        name="error rate",
        when="failure_rate > twenty",
        shipped=False,
        watched=False,
        problem="column 16: expected a number, found 'twenty'",
    ),
)

_DEEDS: Final[Sequence[tuple[float, str, str, str, str, str | None, Any]]] = (
    (59, "alice", "set_config", "engine.max_providers", "done", "2", {"key": "engine.max_providers", "value": 3}),
    (249, "bob", "execute", "translate (translation)", "done", None, {"operation": "translate (translation)"}),
    (631, "bob", "set_config", "engine.max_retries", "refused", None, {"key": "engine.max_retries", "value": 1}),
    (
        1331,
        "token ci-7",
        "execute",
        "translate (translation)",
        "failed",
        None,
        {"operation": "translate (translation)"},
    ),
    (2402, "alice", "set_secret", "OPENAI_API_KEY", "done", None, {"name": "OPENAI_API_KEY", "value": "…"}),
    (2461, "alice", "test_secret", "OPENAI_API_KEY", "done", None, {"name": "OPENAI_API_KEY"}),
    (3380, "alice", "snooze_alert", KEYLESS.id, "done", None, {"alert_id": KEYLESS.id, "for_s": 10_481.0}),
    (3849, "alice", "set_plugin_enabled", "acme", "done", None, {"name": "acme", "enabled": True}),
    (9718, "token ci-7", "execute", "chat (ai)", "cancelled", None, {"operation": "chat (ai)"}),
    (10_781, "alice", "doctor", "", "done", None, None),
    (13_979, "bob", "set_provider_enabled", "acme", "done", "enabled: false", {"provider_id": "acme", "enabled": True}),
    (14_367, "bob", "set_provider_enabled", "acme", "done", "enabled: true", {"provider_id": "acme", "enabled": False}),
    (
        14_620,
        "alice",
        "set_config",
        "appearance.theme",
        "done",
        '"console-dark"',
        {"key": "x", "value": "console-light"},
    ),
    (
        15_002,
        "bob",
        "adopt_provider",
        "ollama",
        "pending",
        None,
        {"provider_id": "ollama", "base_url": "http://10.0.4.9"},
    ),
)
OLDER: Final = 40
"""Checks of the day before, to have a page to go to."""


def _trail() -> tuple[AuditEntry, ...]:
    rows: list[AuditEntry] = []
    checks = [
        (90_000.0 + 60 * n, "alice", "check", "deepl", "done", None, {"provider_id": "deepl"}) for n in range(OLDER)
    ]
    for ago_s, actor, action, subject, result, before, after in reversed((*_DEEDS, *checks)):
        seq = len(rows) + 1
        said = None if after is None else json.dumps(after)
        role = "admin" if actor == "bob" else "super_admin"
        front_end = "api" if actor.startswith("token") else "terminal"
        common = {"actor": actor, "role": role, "front_end": front_end, "action": action, "subject": subject}
        intent = {"phase": "intent", "refers_to": None, "result": "pending", "before": before, "after": said}
        rows.append(AuditEntry(**common, **intent, seq=seq, at=iso(NOW - ago_s)))
        if result != "pending":
            end = {"phase": "outcome", "refers_to": seq, "result": result, "before": None, "after": None}
            rows.append(AuditEntry(**common, **end, seq=seq + 1, at=iso(NOW - ago_s + 0.2)))
    return tuple(reversed(rows))


TRAIL: Final = _trail()


def audit(*, since: str | None = None, limit: int = 200, before: int | None = None) -> Sequence[AuditEntry]:
    """The trail page by page."""
    return [entry for entry in TRAIL if before is None or entry.seq < before][:limit]


def _log() -> tuple[LogLine, ...]:
    said = [
        ("info", "engine.catalog", "14 providers are known: acme, anthropic, apertium, azure_openai, deepl", 3_600.0),
        ("debug", "engine.prober", "a round of 14 checks begins", 1_200.0),
        *(
            ("info", "engine.checker", f"groq is healthy now, it was unknown: round {n}", 1_100.0 - n)
            for n in range(40)
        ),
        ("info", "engine.settings_desk", "the configuration of revision 41 is in force", 900.0),
        ("info", "engine.checker", "libretranslate is unhealthy now, it was healthy: down", 126.0),
        ("info", "engine.alert_desk", "an alert rings: nobody serves translate en›sr", 126.0),
        ("warning", "adapters.http", "10.0.4.12:5000 refused the connection, 4 times in a row", 38.0),
        ("error", "engine.plugins", "the plugin acme failed in provider_console_on_event", 12.0),
        ("info", "engine.alert_desk", "an alert rings: OpenAI is slow: p95 3410 ms", 9.0),
    ]
    traceback = 'Traceback (most recent call last):\n  File "acme.py", line 14, in heard\n    raise ValueError("no")'
    return tuple(
        LogLine(
            seq=seq,
            at=iso(NOW - ago_s),
            level=level,
            source=source,
            message=message,
            traceback=traceback if level == "error" else None,
        )
        for seq, (level, source, message, ago_s) in enumerate(said, start=1)
    )


LOG: Final = _log()


def log(*, after: int = 0, limit: int = 200) -> Sequence[LogLine]:
    """The log, newest first."""
    return [each for each in reversed(LOG) if each.seq > after][:limit]
