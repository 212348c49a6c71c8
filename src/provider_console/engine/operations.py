"""Builds operations from forms: names checked against what exists, fields against what their kind declares."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final

import msgspec

from provider_console.console.errors import BadRequest
from provider_console.core.nearest import did_you_mean
from provider_console.core.text import clean_text
from provider_console.sdk.errors import OperationInvalid
from provider_console.sdk.operation import Field, Operation, OperationKind, Payload

_OPTIONS: Final = frozenset(
    {
        "category",
        "capabilities",
        "providers",
        "deadline_s",
        "max_providers",
        "stream",
        "policy",
        "wait",
        "idempotent",
        "reference",
        "request_id",
        "trace_parent",
    }
)


def build_operation(
    kinds: Mapping[str, OperationKind],
    name: str,
    payload: Payload,
    *,
    options: Mapping[str, Any] | None = None,
    capabilities: Callable[[], Iterable[str]] = tuple,
    providers: Collection[str] = (),
) -> Operation:
    """A validated operation. `capabilities` and `providers` are what exists, for the nearest name in a message.

    With a thousand providers their capabilities take longer to gather than all the rest, so it is done on demand.

    Raises:
        BadRequest: a name is unknown, or a field does not fit.
    """
    kind = kinds.get(name)
    if kind is None:
        raise BadRequest(f"unknown operation {name!r}{did_you_mean(name, kinds)}", field="operation")
    checked = {key: value for key, value in payload.items() if value is not None}
    try:
        known = {field.name: field for field in kind.fields}
        _refuse_unknown(name, checked, known)
        filled = {field.name: _fit(field, checked) for field in kind.fields}
        final = kind.validate({key: value for key, value in filled.items() if value is not None})
        wanted = kind.capabilities(final)
    except OperationInvalid as error:
        raise BadRequest(error.message, field=error.field) from error
    return _operation(kind, final, wanted, dict(options or {}), known_capabilities=capabilities, known=providers)


def _operation(
    kind: OperationKind,
    payload: Payload,
    wanted: Iterable[str],
    options: dict[str, Any],
    *,
    known_capabilities: Callable[[], Iterable[str]],
    known: Collection[str],
) -> Operation:
    for key in options:
        if key not in _OPTIONS:
            raise BadRequest(f"unknown option {key!r}{did_you_mean(key, _OPTIONS)}", field=key)
    for key in ("capabilities", "providers"):
        if not all(isinstance(one, str) for one in options.get(key) or ()):
            raise BadRequest(f"{key} are names", field="require" if key == "capabilities" else key)
    extra = tuple(options.pop("capabilities", None) or ())
    offered = {capability.partition(":")[0]: capability for capability in known_capabilities()} if extra else {}
    for capability in extra:
        if capability.partition(":")[0] not in offered:
            raise BadRequest(f"unknown capability {capability!r}{did_you_mean(capability, offered)}", field="require")
    for provider_id in options.get("providers") or ():
        if provider_id not in known:
            raise BadRequest(f"unknown provider {provider_id!r}{did_you_mean(provider_id, known)}", field="providers")
    values = {key: value for key, value in options.items() if value is not None}
    values.setdefault("category", kind.category)
    values.setdefault("idempotent", kind.idempotent)
    values |= {"kind": kind.name, "payload": payload, "capabilities": tuple(dict.fromkeys((*wanted, *extra)))}
    try:
        return msgspec.convert(values, Operation)
    except msgspec.ValidationError as error:
        raise BadRequest(f"an option is out of bounds: {error}") from error


def _refuse_unknown(kind: str, payload: Payload, known: Mapping[str, Field]) -> None:
    for key in payload:
        if key not in known:
            raise OperationInvalid(f"{kind} has no field {key!r}{did_you_mean(key, known)}", field=key)


def _fit(field: Field, payload: Mapping[str, Any]) -> Any:
    """The value of one field, its default where it is missing.

    Raises:
        OperationInvalid: it is required and missing, of another type, or out of bounds.
    """
    value = payload.get(field.name, field.default)
    if value is None:
        if field.required:
            raise OperationInvalid(f"{field.name} is missing" + _helped(field), field=field.name)
        return None
    match field.type:
        case "number":
            return _number(field, value)
        case "boolean":
            if not isinstance(value, bool):
                raise OperationInvalid(f"{field.name} must be true or false", field=field.name)
        case "list":
            if not isinstance(value, list | tuple):
                raise OperationInvalid(f"{field.name} must be a list", field=field.name)
            if len(value) > field.max_length:
                raise OperationInvalid(f"{field.name} has over {field.max_length:,} entries", field=field.name)
        case _:
            return _text(field, value)
    return value


def _helped(field: Field) -> str:
    return f": {field.help}" if field.help else ""


def _number(field: Field, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise OperationInvalid(f"{field.name} must be a number", field=field.name)
    low, high = field.minimum, field.maximum
    if (low is not None and value < low) or (high is not None and value > high) or value != value:
        raise OperationInvalid(f"{field.name} must be from {low} to {high}", field=field.name)
    return value


def _text(field: Field, value: object) -> str:
    if not isinstance(value, str):
        raise OperationInvalid(f"{field.name} must be text", field=field.name)
    if len(value) > field.max_length:
        raise OperationInvalid(
            f"{field.name} has {len(value):,} characters; at most {field.max_length:,} are taken", field=field.name
        )
    if field.required and not value.strip():
        raise OperationInvalid(f"{field.name} is empty" + _helped(field), field=field.name)
    if field.choices and value not in field.choices:
        raise OperationInvalid(
            f"{field.name} must be one of {', '.join(field.choices)}, not {clean_text(value, 40)!r}"
            f"{did_you_mean(value, field.choices)}",
            field=field.name,
        )
    return value
