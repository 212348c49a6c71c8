"""What travels over HTTP: arguments and answers of the console's methods as JSON types, made from the interface itself.

Names are camelCase, durations milliseconds. A front end that serves and one that calls read the same types here.
"""

from __future__ import annotations

import functools
import inspect
import operator
import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from types import NoneType
from typing import Annotated, Any, Final, Literal, NamedTuple, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from provider_console.console.access import ACTIONS, Role
from provider_console.console.console import Console
from provider_console.console.errors import BadRequest
from provider_console.console.routes import Route
from provider_console.console.views import ConfigView, ExecutionReport, View
from provider_console.sdk.errors import ErrorClass
from provider_console.sdk.operation import Operation, RetryPolicy
from provider_console.sdk.secret import Secret

# --- types and bounds of arguments ----------------------------------------------------------------------------

ProviderId = Annotated[str, Meta(pattern="^[a-z0-9_-]{1,64}$", description="a provider's id")]
Id = Annotated[str, Meta(pattern="^[0-9A-Z]{26}$", description="an id of 26 capital letters and digits")]
CredentialName = Annotated[
    str, Meta(pattern="^[A-Z][A-Z0-9_]{0,127}$", description="a credential's name, such as OPENAI_API_KEY")
]
Text = Annotated[str, Meta(min_length=1, max_length=200)]

Toml = Annotated[str, Meta(max_length=262_144, description="a whole configuration, as TOML")]
Reason = Annotated[str, Meta(max_length=200, description="why, for the history")]

TrialMs = Annotated[float, Meta(ge=1_000, le=86_400_000, description="taken back after so many ms, if not confirmed")]

Moment = Annotated[str, Meta(min_length=1, max_length=64, description="a span such as 2h or 7d, or an ISO time")]

BOUNDS: Final[Mapping[str, Any]] = {
    "provider_id": ProviderId,
    "execution_id": Id,
    "token_id": Id,
    "alert_id": Id,
    "before": Id,
    "audit.before": Annotated[int, Meta(ge=1, le=2**53, description="only rows before this one")],
    "after": Annotated[int, Meta(ge=0, le=2**53, description="only lines after this one")],
    "name": CredentialName,
    "set_plugin_enabled.name": Annotated[str, Meta(pattern="^[A-Za-z0-9_.-]{1,100}$", description="a plugin's name")],
    "credential": CredentialName,
    "limit": Annotated[int, Meta(ge=1, le=1_000, description="at most so many")],
    # All that are open are asked for at once: a thousand providers, two rules.
    "alerts.limit": Annotated[int, Meta(ge=1, le=2_000, description="at most so many")],
    "revision_id": Annotated[int, Meta(ge=1, le=2**53)],
    "for_s": Annotated[float, Meta(ge=1_000, le=2_592_000_000, description="for how many ms")],
    "confirm_within_s": TrialMs,
    "ttl_ms": Annotated[int, Meta(ge=1_000, le=31_622_400_000, description="how long it counts")],
    "subject": Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$", description="for whom")],
    "role": Literal["admin", "super_admin", "metrics"],
    "sort_by": Literal["health_score", "id", "name", "tier", "state"],
    "providers": Annotated[list[ProviderId], Meta(max_length=100, description="may be there several times")],
    "category": Text,
    "capability": Text,
    "kind": Text,
    "since": Moment,
    "until": Moment,
    "step": Annotated[str, Meta(min_length=1, max_length=16, description="a span such as 15m")],
    "text": Toml,
    "key": Annotated[str, Meta(min_length=1, max_length=256, description="a dotted key such as engine.max_retries")],
    "file": Annotated[str, Meta(min_length=1, max_length=256, description="how messages call it")],
    "base_url": Annotated[str, Meta(max_length=2048)],
    "reason": Reason,
}
"""What an argument may be, by its name or by action and name: JSON is held tighter than a call in Python."""

SECRET: Final = Annotated[
    str, Meta(min_length=1, max_length=8_192, description="the value itself", extra_json_schema={"writeOnly": True})
]


class Argument(NamedTuple):
    """One argument of a method: its JSON type, its default, and where it stands in a request.

    `key` is its name before it becomes camelCase: seconds of Python (`for_s`) are milliseconds in JSON (`for_ms`).
    """

    name: str
    key: str
    type: Any
    default: Any
    place: Literal["path", "query", "body"]
    secret: bool = False

    @property
    def seconds(self) -> bool:
        """Whether JSON's milliseconds become seconds."""
        return self.key != self.name

    @property
    def many(self) -> bool:
        """Whether it is a list."""
        kind = get_args(self.type)[0] if get_origin(self.type) is Annotated else self.type
        return get_origin(kind) is list

    @property
    def required(self) -> bool:
        """Whether it must be given."""
        return self.default is msgspec.NODEFAULT


def camel(name: str) -> str:
    """A name as JSON has it.

    >>> camel("include_inactive"), camel("limit")
    ('includeInactive', 'limit')
    """
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


@functools.cache
def hints(action: str) -> dict[str, Any]:
    """The types of a method's arguments and of its answer."""
    return get_type_hints(getattr(Console, action), include_extras=True)


@functools.cache
def arguments(route: Route) -> tuple[Argument, ...]:
    """The arguments of a route, in the method's order."""
    types = hints(route.action)
    in_path = set(re.findall(r"{(\w+)}", route.path))
    elsewhere: Literal["query", "body"] = "query" if route.method in ("GET", "DELETE") else "body"
    found = []
    for parameter in list(inspect.signature(getattr(Console, route.action)).parameters.values())[1:]:
        if parameter.name in route.without:
            continue
        kind = types[parameter.name]
        optional = type(None) in get_args(kind)
        bound = BOUNDS.get(f"{route.action}.{parameter.name}", BOUNDS.get(parameter.name, kind))
        narrow = Any if kind is object else bound
        secret = kind is Secret
        found.append(
            Argument(
                name=parameter.name,
                key=f"{parameter.name[:-2]}_ms" if parameter.name.endswith("_s") else parameter.name,
                type=SECRET if secret else narrow | None if optional and parameter.name not in in_path else narrow,
                default=msgspec.NODEFAULT if parameter.default is inspect.Parameter.empty else parameter.default,
                place="path" if parameter.name in in_path else elsewhere,
                secret=secret,
            )
        )
    return tuple(found)


@functools.cache
def struct_of(route: Route, place: Literal["path", "query", "body"]) -> type[msgspec.Struct] | None:
    """The JSON object that a route takes in one place; None where it takes nothing there."""
    if route.special is not None and place != "path":
        return None
    fields: list[Any] = []
    for argument in arguments(route):
        if argument.place != place:
            continue
        if argument.required or place == "path":
            fields.append((argument.key, argument.type))
        else:
            # A query has no null: what is optional is left out, and the word is no value.
            kind = _without_none(argument.type) if place == "query" else argument.type
            fields.append((argument.key, kind, argument.default))
    if not fields:
        return None
    name = "".join(part.capitalize() for part in route.action.split("_")) + place.capitalize()
    return msgspec.defstruct(
        name, fields, frozen=True, kw_only=True, forbid_unknown_fields=True, rename=None if place == "path" else "camel"
    )


def _without_none(kind: Any) -> Any:
    """A type that None is no value of.

    >>> _without_none(int | None), _without_none(str)
    (<class 'int'>, <class 'str'>)
    """
    rest = tuple(one for one in get_args(kind) if one is not NoneType)
    return functools.reduce(operator.or_, rest) if NoneType in get_args(kind) else kind


@functools.cache
def answer_of(route: Route) -> Any:
    """The JSON type of a route's answer."""
    kind = hints(route.action)["return"]
    if route.named is not None:
        name = "".join(part.capitalize() for part in route.action.split("_")) + "Answer"
        return msgspec.defstruct(name, [(route.named, kind)], frozen=True, kw_only=True, rename="camel")
    return _plain(kind)


def _plain(kind: Any) -> Any:
    """Sequences and mappings of the interface as what JSON decodes to."""
    origin, inner = get_origin(kind), tuple(_plain(one) for one in get_args(kind))
    if isinstance(origin, type) and issubclass(origin, Sequence) and not issubclass(origin, tuple):
        return list[inner]  # type: ignore[valid-type]  # made as the program runs
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return dict[inner]  # type: ignore[valid-type,misc]  # made as the program runs
    if isinstance(origin, type) and issubclass(origin, AbstractSet):
        return frozenset[inner]  # type: ignore[valid-type]  # made as the program runs
    return kind


# --- operations -----------------------------------------------------------------------------------------------


class Policy(View, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How hard to try one provider before the next; what is left out follows the settings."""

    attempts: Annotated[int, Meta(ge=1, le=20)] | None = None
    base_delay: Annotated[float, Meta(ge=0, le=600_000)] | None = None
    max_delay: Annotated[float, Meta(ge=0, le=3_600_000)] | None = None
    classes: Annotated[list[ErrorClass], Meta(max_length=50)] | None = None
    swift: bool | None = None


Payload = Annotated[dict[str, Any], Meta(description="the fields of the operation; GET /kinds lists them")]


class ExecuteRequest(View, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An operation: what `POST /execute` takes. `deadline` and delays are in milliseconds.

    `dry_run` answers with the plan and calls nobody; `stream` answers with server-sent events: `chunk` for content,
    then `report`, or `problem`.
    """

    operation: Annotated[str, Meta(min_length=1, max_length=64, description="translate, chat, embed, or a plugin's")]
    payload: Annotated[dict[str, Any], Meta(description="the fields of the operation; GET /kinds lists them")] = (
        msgspec.field(default_factory=dict)
    )
    category: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    required_capabilities: Annotated[list[Text], Meta(max_length=100)] = msgspec.field(default_factory=list)
    providers: Annotated[list[ProviderId], Meta(max_length=100, description="ask these only")] | None = None
    max_providers: Annotated[int, Meta(ge=1, le=100)] | None = None
    deadline: Annotated[float, Meta(ge=1, le=3_600_000)] | None = None
    wait: bool = False
    idempotent: bool | None = None
    policy: Policy | None = None
    reference: Annotated[str, Meta(max_length=100, description="comes back in the event of the beginning")] | None = (
        None
    )
    dry_run: bool = False
    stream: bool = False


def options_of(
    request: ExecuteRequest, *, request_id: str | None = None, trace_parent: str | None = None
) -> dict[str, Any]:
    """The options with which `Console.operation` makes the operation of a request."""
    policy = request.policy
    values = {
        "category": request.category,
        "capabilities": tuple(request.required_capabilities) or None,
        "providers": None if request.providers is None else tuple(request.providers),
        "max_providers": request.max_providers,
        "deadline_s": None if request.deadline is None else request.deadline / 1000,
        "wait": request.wait or None,
        "idempotent": request.idempotent,
        "policy": None if policy is None else _policy(policy),
        "reference": request.reference,
        "request_id": request_id,
        "trace_parent": trace_parent,
    }
    return {key: value for key, value in values.items() if value is not None}


def _policy(policy: Policy) -> RetryPolicy:
    return RetryPolicy(
        attempts=policy.attempts,
        base_delay_s=None if policy.base_delay is None else policy.base_delay / 1000,
        max_delay_s=None if policy.max_delay is None else policy.max_delay / 1000,
        classes=None if policy.classes is None else frozenset(policy.classes),
        swift=policy.swift,
    )


def request_for(
    kind: str, payload: Mapping[str, Any], options: Mapping[str, Any], *, dry_run: bool = False, stream: bool = False
) -> ExecuteRequest:
    """The request that has the same asked of `Console.operation`: the other way round than `options_of`.

    Raises:
        BadRequest: there is no such option.
    """
    for key in options:
        if key not in Operation.__struct_fields__:
            raise BadRequest(f"unknown option {key!r}", field=key)
    policy: RetryPolicy | None = options.get("policy")
    deadline_s, providers = options.get("deadline_s"), options.get("providers")
    return ExecuteRequest(
        operation=kind,
        payload=dict(payload),
        category=options.get("category"),
        required_capabilities=list(options.get("capabilities") or ()),
        providers=None if providers is None else list(providers),
        max_providers=options.get("max_providers"),
        deadline=None if deadline_s is None else deadline_s * 1000,
        wait=bool(options.get("wait")),
        idempotent=options.get("idempotent"),
        policy=None
        if policy is None
        else Policy(
            attempts=policy.attempts,
            base_delay=None if policy.base_delay_s is None else policy.base_delay_s * 1000,
            max_delay=None if policy.max_delay_s is None else policy.max_delay_s * 1000,
            classes=None if policy.classes is None else sorted(policy.classes),
            swift=policy.swift,
        ),
        reference=options.get("reference"),
        dry_run=dry_run,
        stream=stream,
    )


def request_of(operation: Operation, *, dry_run: bool = False, stream: bool = False) -> ExecuteRequest:
    """The request that asks for an operation."""
    return request_for(
        operation.kind, operation.payload, msgspec.structs.asdict(operation), dry_run=dry_run, stream=stream
    )


def operation_of(request: ExecuteRequest) -> Operation:
    """The operation of a request that a console has checked: what `POST /operations` answers."""
    options = {"category": "", "idempotent": True, "stream": request.stream, **options_of(request)}
    return Operation(kind=request.operation, payload=request.payload, **options)


class StreamedText(View, frozen=True, kw_only=True):
    """A piece of a streamed answer."""

    text: str


# --- answers of the special routes ----------------------------------------------------------------------------


class ConfigText(View, frozen=True, kw_only=True):
    """The configuration file's text, and the revision that `If-Match` has to name."""

    text: str
    revision: str


class ReplaceConfig(View, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole configuration that takes the place of the one in force."""

    text: Toml
    reason: Reason = "saved over HTTP"
    confirm_within_ms: TrialMs | None = None


class CatalogueEntry(View, frozen=True, kw_only=True, omit_defaults=True):
    """A provider as a catalogue lists it: what another console needs to find it."""

    id: str
    driver: str
    name: str
    base_url: str | None = None
    models: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    credential: str | None = None
    region: str | None = None
    network: str = "global"


class CatalogueView(View, frozen=True, kw_only=True):
    """The AI providers of this console, as a catalogue for another."""

    providers: tuple[CatalogueEntry, ...]


REQUESTS: Final[Mapping[str, Any]] = {
    "execute": ExecuteRequest,
    "operation": ExecuteRequest,
    "replace_config": ReplaceConfig,
}
ANSWERS: Final[Mapping[str, Any]] = {
    "execute": ExecutionReport,
    "operation": ExecuteRequest,
    "repeat": ExecuteRequest,
    "config": ConfigView,
    "config_text": ConfigText,
    "replace_config": ConfigView,
    "catalogue": CatalogueView,
}


def request_type(route: Route) -> Any:
    """The JSON type of a route's body; None where it takes none."""
    if route.special is not None:
        return REQUESTS.get(route.special)
    return struct_of(route, "body")


def response_type(route: Route) -> Any:
    """The JSON type of a route's answer; None where it answers with events."""
    if route.special == "events":
        return None
    if route.special is not None and route.special in ANSWERS:
        return ANSWERS[route.special]
    return answer_of(route)


def role_for(route: Route) -> Role:
    """The least role that a route needs."""
    return ACTIONS[route.action].role


def summary(route: Route) -> str:
    """What a route does: the first sentence of the interface, in JSON's words."""
    if route.special == "catalogue":
        return "The AI providers of this console, as a catalogue for another."
    text = inspect.cleandoc(getattr(Console, route.action).__doc__ or "").replace("\n", " ")
    sentence = text.partition(". ")[0].removesuffix(".") + "."
    return sentence.replace("`", "").replace("None", "null").replace("False", "false")
