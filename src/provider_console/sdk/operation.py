"""What somebody wants done: operations, their kinds, and what comes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal, Protocol

import msgspec

from provider_console.sdk.errors import ErrorClass
from provider_console.sdk.provider import Capability

Payload = Mapping[str, Any]

TRACE_PARENT: Final = r"^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$"
"""Version, trace, span and flags (W3C Trace Context, 3.2)."""


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How hard to try one provider before the next: None keeps the setting.

    `attempts` counts the first one too. `classes` narrows which error classes are retried at all. `swift`
    makes one attempt a provider and the full number only on the last one left.
    """

    attempts: Annotated[int, msgspec.Meta(ge=1, le=20)] | None = None
    base_delay_s: Annotated[float, msgspec.Meta(ge=0, le=600)] | None = None
    max_delay_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] | None = None
    classes: frozenset[ErrorClass] | None = None
    swift: bool | None = None


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to do. None keeps the setting; `deadline_s` and every other time is in seconds.

    `capabilities` are required all together. `providers` limits the choice to these ids. `idempotent` False
    forbids a second try unless the first provably never left. `wait` allows waiting, within the deadline,
    for the first provider to come back when none is eligible. `reference` comes back in the event of the beginning,
    so that the one who asks knows which execution is theirs; it is not kept. `request_id` is that of the HTTP request
    which asked, for the report. `trace_parent` is the caller's own span, as W3C's `traceparent` names it: the execution
    is traced under it, or not at all where that trace is not kept.
    """

    kind: str
    category: str
    payload: Payload = msgspec.field(default_factory=dict)
    capabilities: tuple[Capability, ...] = ()
    providers: tuple[str, ...] | None = None
    idempotent: bool = True
    stream: bool = False
    deadline_s: Annotated[float, msgspec.Meta(gt=0, le=3600)] | None = None
    max_providers: Annotated[int, msgspec.Meta(ge=1, le=100)] | None = None
    policy: RetryPolicy | None = None
    wait: bool = False
    reference: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    request_id: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    trace_parent: Annotated[str, msgspec.Meta(pattern=TRACE_PARENT)] | None = None


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider made. `units` counts what it charges for: characters, inputTokens, outputTokens.

    `warm_up_s` is the part of the time in which the provider made itself ready, such as by loading a model: it does not
    count as its latency.
    """

    value: Mapping[str, Any]
    units: Mapping[str, float] = msgspec.field(default_factory=dict)
    warm_up_s: float = 0.0


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a streamed result; the last one carries the whole `result`."""

    text: str = ""
    result: Result | None = None


FieldType = Literal["text", "line", "choice", "language", "number", "boolean", "list"]


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of an operation's form. Lengths are in characters, `minimum` and `maximum` bound numbers."""

    name: str
    label: str
    type: FieldType = "line"
    required: bool = False
    default: str | float | bool | None = None
    choices: tuple[str, ...] = ()
    max_length: int = 1_000_000
    minimum: float | None = None
    maximum: float | None = None
    help: str = ""


class OperationKind(Protocol):
    """A kind of operation, such as `translate`. Subclass it to inherit what is not special about yours."""

    name: str
    title: str
    category: str
    fields: tuple[Field, ...]
    idempotent: bool = True
    policy: RetryPolicy | None = None

    def validate(self, payload: Payload) -> Payload:
        """The payload with defaults filled in; called after the fields themselves were checked.

        Raises:
            OperationInvalid: two fields contradict each other, or a value means nothing.
        """
        return payload

    def capabilities(self, payload: Payload) -> tuple[Capability, ...]:
        """What a provider must be able to do to serve this payload."""
        return ()

    def check(self, payload: Payload, result: Result) -> None:
        """Look at a result before it counts.

        Raises:
            BadResult: it cannot be what was asked for; the next provider is tried.
        """

    def split(self, payload: Payload, max_characters: int) -> Sequence[Payload]:
        """Pieces that each fit the limit, in order; each becomes a child execution. One piece: no split."""
        return (payload,)

    def join(self, payload: Payload, results: Sequence[Result]) -> Result:
        """One result from the results of the pieces, in the order of `split`."""
        return results[0]
