"""How values become rows, and rows values again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from provider_console.core.ports.alerts import AlertRow
from provider_console.core.ports.usage import AttemptRow, CheckRow, ExecutionRow
from provider_console.sdk.provider import Provider

MESSAGE_LENGTH: Final = 300
"""Characters of a message; a provider's own text is not worth more."""

TEXT_BYTES: Final = 4096
"""Bytes of what an action changed, before and after."""

UNWRITTEN: Final = "the outcome of audit row %d could not be written: %s"
"""What the log says of an outcome that is lost."""

CUT: Final = "… [cut]"

ATTEMPT_COLUMNS: Final = (
    "execution_id, provider, kind, category, attempt, at, duration_ms, timeout_ms, delay_before_ms, ok, absorbed, "
    "counted, error_class, http_status, provider_code, message, retry_after_ms, model, units, cost, "
    "first_content_ms, first, warm_up_ms"
)
CHECK_COLUMNS: Final = (
    "provider, at, state, passed, score, rung, latency_ms, error_class, message, event, out_ms, manual"
)
EXECUTION_COLUMNS: Final = "id, kind, category, at, status, provider, elapsed_ms, report"
ALERT_COLUMNS: Final = (
    "id, rule, subject, at, title, evidence, first_try, command, cleared_at, acknowledged_at, acknowledged_by, "
    "snoozed_until"
)
PROVIDER_COLUMNS: Final = (
    "id, position, at, driver, configured, enabled, tier, network, region, base_url, credential, max_characters, "
    "cost_input, cost_output, names, categories, capabilities, models, sources, provenance, contradictions"
)

_json = msgspec.json.Encoder(order="sorted").encode
_units = msgspec.json.Decoder(dict[str, float]).decode


def storable(text: str) -> str:
    """Text that UTF-8 can hold: lone surrogates, which no file can, become question marks."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def message(text: str | None) -> str | None:
    """A message within its bound."""
    if text is None:
        return None
    return storable(text if len(text) <= MESSAGE_LENGTH else text[: MESSAGE_LENGTH - 1] + "…")


def bounded(text: str | None) -> str | None:
    """What an action changed, within its bound, with a mark where it was cut.

    >>> len(bounded("é" * 5000).encode()), bounded("é" * 5000)[-8:]
    (4095, 'é… [cut]')
    """
    if text is None:
        return None
    text = storable(text)
    raw = text.encode()
    if len(raw) <= TEXT_BYTES:
        return text
    return raw[: TEXT_BYTES - len(CUT.encode())].decode("utf-8", "ignore") + CUT


def placeholders(columns: str) -> str:
    """One question mark for each column.

    >>> placeholders("a, b")
    '?, ?'
    """
    return ", ".join("?" * (columns.count(",") + 1))


def attempt_values(row: AttemptRow) -> tuple[Any, ...]:
    """In the order of `ATTEMPT_COLUMNS`; booleans as the integers that sqlite3 binds fastest."""
    return (
        row.execution_id,
        row.provider,
        row.kind,
        row.category,
        row.attempt,
        row.at,
        row.duration_ms,
        row.timeout_ms,
        row.delay_before_ms,
        1 if row.ok else 0,
        1 if row.absorbed else 0,
        row.counted,
        row.error_class,
        row.http_status,
        row.provider_code if row.provider_code is None else message(row.provider_code),
        row.message if row.message is None else message(row.message),
        row.retry_after_ms,
        row.model if row.model is None else message(row.model),
        _json(row.units).decode() if row.units else None,
        row.cost,
        row.first_content_ms,
        1 if row.first else 0,
        row.warm_up_ms,
    )


def attempt(values: Sequence[Any]) -> AttemptRow:
    """From the order of `ATTEMPT_COLUMNS`."""
    named = dict(zip(_ATTEMPT_NAMES, values, strict=True))
    for name in ("ok", "absorbed", "first"):
        named[name] = bool(named[name])
    try:
        named["units"] = {} if named["units"] is None else _units(named["units"])
    except msgspec.DecodeError:
        named["units"] = {}  # saved from a damaged file
    return AttemptRow(**named)


def check_values(row: CheckRow) -> tuple[Any, ...]:
    """In the order of `CHECK_COLUMNS`."""
    return (
        row.provider,
        row.at,
        row.state,
        None if row.passed is None else int(row.passed),
        row.score,
        row.rung,
        row.latency_ms,
        row.error_class,
        message(row.message),
        row.event,
        row.out_ms,
        int(row.manual),
    )


def check(values: Sequence[Any]) -> CheckRow:
    """From the order of `CHECK_COLUMNS`."""
    named = dict(zip(_CHECK_NAMES, values, strict=True))
    named["passed"] = None if named["passed"] is None else bool(named["passed"])
    named["manual"] = bool(named["manual"])
    return CheckRow(**named)


def execution(values: Sequence[Any]) -> ExecutionRow:
    """From the order of `EXECUTION_COLUMNS`."""
    return ExecutionRow(**dict(zip(_EXECUTION_NAMES, values, strict=True)))


def alert_values(row: AlertRow) -> tuple[Any, ...]:
    """In the order of `ALERT_COLUMNS`."""
    found = msgspec.structs.astuple(row)
    return tuple(message(value) if isinstance(value, str) else value for value in found)


def alert(values: Sequence[Any]) -> AlertRow:
    """From the order of `ALERT_COLUMNS`."""
    return AlertRow(**dict(zip(AlertRow.__struct_fields__, values, strict=True)))


def provider_values(provider: Provider, position: int, at: float) -> tuple[Any, ...]:
    """In the order of `PROVIDER_COLUMNS`."""
    cost = provider.cost
    return (
        provider.id,
        position,
        at,
        provider.driver,
        int(provider.configured),
        int(provider.enabled),
        provider.tier,
        provider.network,
        _optional(provider.region),
        _optional(provider.base_url),
        _optional(provider.credential),
        provider.max_characters,
        None if cost is None else cost.input,
        None if cost is None else cost.output,
        _text(provider.names),
        _text(provider.categories),
        _text(provider.capabilities),
        _text(provider.models),
        _text(provider.sources),
        _text(provider.provenance),
        _text(provider.contradictions),
    )


def _optional(text: str | None) -> str | None:
    return None if text is None else storable(text)


def _text(value: Mapping[str, str] | Sequence[str]) -> str:
    return storable(_json(value).decode())


_ATTEMPT_NAMES: Final = tuple(ATTEMPT_COLUMNS.split(", "))
_CHECK_NAMES: Final = tuple(CHECK_COLUMNS.split(", "))
_EXECUTION_NAMES: Final = tuple(EXECUTION_COLUMNS.split(", "))
