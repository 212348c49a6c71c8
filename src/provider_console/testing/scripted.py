"""Scripted providers: what each one does follows a timeline, and a log keeps every call as the wire saw it.

wire = Wire(clock)
script = Script([Phase(until_s=60.0, acts=(act_of("server_error"),)), Phase()], rng=random.Random(7))
driver = ScriptedDriver("mine", wire, {"mine": script})

Under a `SimLoop` hours of outages cost nothing and the same seeds give the same calls.
"""

from __future__ import annotations

import asyncio
import math
import random
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final, Literal, Protocol

import msgspec

from provider_console.core.ports.time import Clock
from provider_console.sdk import (
    BadResult,
    Call,
    Capability,
    Chunk,
    CredentialNeed,
    Description,
    Driver,
    ErrorClass,
    HttpClient,
    Network,
    Operation,
    OperationInvalid,
    OperationKind,
    Payload,
    ProbeResult,
    ProviderDescriptor,
    ProviderError,
    Result,
    Rung,
    SdkError,
    SettingsSection,
    Source,
    TransportError,
)
from provider_console.sdk.driver import RungName
from provider_console.testing.fakes import WireDouble

_E = ErrorClass


class Failing(msgspec.Struct, frozen=True, kw_only=True):
    """One way to fail: how the exception is made, and what the engine has to make of it.

    `make` takes Retry-After and the time of a quota's reset, in seconds or None; only where it `asks` do they show.
    `retried` False: not even where its class is. `refused`: the provider did nothing. `honours` says that a
    Retry-After of it keeps every call away.
    """

    make: Callable[[float | None, float | None], BaseException]
    error_class: ErrorClass
    never_left: bool = False
    retried: bool = True
    refused: bool = False
    asks: bool = False
    honours: bool = False
    status: int | None = None


def _typed(error_class: ErrorClass, status: int | None = None, **traits: Any) -> Failing:
    specific = traits.pop("provider_specific", False)
    return Failing(
        make=lambda ra, reset: ProviderError(
            f"scripted {error_class.value}",
            error_class=error_class,
            status=status,
            retry_after_s=ra,
            resets_after_s=reset,
            provider_specific=specific,
        ),
        error_class=error_class,
        status=status,
        asks=True,
        **traits,
    )


def _answered(error_class: ErrorClass, status: int, code: str | None = None, **traits: Any) -> Failing:
    return Failing(
        make=lambda ra, reset: ProviderError(
            f"HTTP {status}", status=status, code=code, retry_after_s=ra, resets_after_s=reset
        ),
        error_class=error_class,
        status=status,
        asks=True,
        **traits,
    )


def _transport(kind: Any, error_class: ErrorClass = _E.NETWORK, **traits: Any) -> Failing:
    never_left = traits.get("never_left", False)
    return Failing(
        make=lambda _ra, _reset: TransportError(f"scripted {kind}", kind=kind, never_left=never_left),
        error_class=error_class,
        **traits,
    )


def _raw(make: Callable[[], BaseException], error_class: ErrorClass, **traits: Any) -> Failing:
    return Failing(make=lambda _ra, _reset: make(), error_class=error_class, **traits)


FAILURES: Final[Mapping[str, Failing]] = {
    "authentication": _answered(_E.AUTHENTICATION, 401, refused=True),
    "authentication_typed": _typed(_E.AUTHENTICATION, refused=True),
    "permission": _answered(_E.PERMISSION, 403, refused=True),
    "no_model": _answered(_E.PERMISSION, 404, "model_not_found", refused=True),
    "quota": _answered(_E.QUOTA, 402, refused=True),
    "quota_in_429": _answered(_E.QUOTA, 429, "insufficient_quota", refused=True),
    "rate_limited": _answered(_E.RATE_LIMITED, 429, refused=True, honours=True),
    "overloaded": _typed(_E.RATE_LIMITED, 529, refused=True, honours=True),
    "gateway_timeout": _answered(_E.TIMEOUT, 504),
    "timeout_of_its_own": _raw(TimeoutError, _E.TIMEOUT),
    "timeout_on_the_wire": _transport("timeout", _E.TIMEOUT),
    "dns": _transport("dns", never_left=True),
    "refused": _transport("refused", never_left=True),
    "reset": _transport("reset"),
    "protocol": _transport("protocol"),
    "tls": _transport("tls", retried=False),
    "address": _transport("address", never_left=True, retried=False),
    "too_large": _transport("too_large", _E.BAD_RESULT),
    "connection_reset": _raw(ConnectionResetError, _E.NETWORK),
    "name_unknown": _raw(lambda: socket.gaierror(socket.EAI_NONAME, "unknown"), _E.NETWORK, never_left=True),
    "server_error": _answered(_E.SERVER_ERROR, 500, honours=True),
    "unavailable": _answered(_E.SERVER_ERROR, 503, honours=True),
    "bad_result": _raw(lambda: BadResult("scripted nonsense"), _E.BAD_RESULT),
    "invalid": _answered(_E.INVALID_REQUEST, 400, refused=True),
    "invalid_payload": _raw(lambda: OperationInvalid("scripted"), _E.INVALID_REQUEST, refused=True),
    "invalid_here": _typed(_E.INVALID_REQUEST, 422, refused=True, provider_specific=True),
    "content_refused": _typed(_E.CONTENT_REFUSED, refused=True),
    "too_long": _answered(_E.CONTEXT_TOO_LONG, 413, refused=True),
    "value_error": _raw(lambda: ValueError("the payload might stand here"), _E.UNKNOWN),
    "key_error": _raw(lambda: KeyError("choices"), _E.UNKNOWN),
    "grouped": _raw(lambda: ExceptionGroup("tasks", [BadResult("inside a group")]), _E.BAD_RESULT),
    "system_exit": _raw(lambda: SystemExit(1), _E.UNKNOWN),
    # Not a provider's: what a caller's own callable may get wrong.
    "own_fault": _raw(ZeroDivisionError, _E.UNKNOWN),
}
"""Every way to fail by raising. Hanging, wrong types and broken streams are acts of their own."""


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider does with one request.

    `after_s` is how long it takes until the answer, the failure or the first chunk. `hangs` never answers;
    `bad_type` answers something that is no result; `unusable` answers one that the kind's check turns down.
    `rude` turns a cancellation into an error, as some libraries do.

    For streams: `chunks` of content `gap_s` apart, after `silent` empty ones; then the failure where there is one,
    `idles` to say nothing more, `ends_early` to end without a result, else the result.
    """

    after_s: float = 0.1
    failing: str | None = None
    retry_after_s: float | None = None
    resets_after_s: float | None = None
    hangs: bool = False
    bad_type: bool = False
    unusable: bool = False
    rude: bool = False
    chunks: int = 3
    silent: int = 0
    gap_s: float = 0.05
    idles: bool = False
    ends_early: bool = False

    @property
    def failure(self) -> Failing | None:
        """How it fails by raising, if it does."""
        return None if self.failing is None else FAILURES[self.failing]

    def error(self) -> BaseException:
        """The exception, new each time.

        Raises:
            ValueError: this act does not fail by raising.
        """
        failing = self.failure
        if failing is None:
            raise ValueError("this act raises nothing: give it `failing`")
        return failing.make(self.retry_after_s, self.resets_after_s)


def act_of(failing: str, *, after_s: float = 0.1, **fields: Any) -> Act:
    """An act that fails in one of the ways of `FAILURES`."""
    return Act(failing=failing, after_s=after_s, **fields)


class Phase(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider does until a time (s): one of `acts` for each call, by `weights`; `probe` for each probe."""

    until_s: float = math.inf
    acts: tuple[Act, ...] = (Act(),)
    weights: tuple[float, ...] | None = None
    probe: Act = Act(after_s=0.02)


class Script:
    """The timeline of one provider."""

    def __init__(self, phases: Sequence[Phase], *, rng: random.Random) -> None:
        if not phases or phases[-1].until_s != math.inf:
            phases = (*phases, Phase())
        self._phases = tuple(phases)
        self._rng = rng

    def phase(self, now: float) -> Phase:
        """The phase of a moment."""
        return next(phase for phase in self._phases if now < phase.until_s)

    def act(self, now: float) -> Act:
        """What the next call meets."""
        phase = self.phase(now)
        if len(phase.acts) == 1:
            return phase.acts[0]
        return self._rng.choices(phase.acts, phase.weights)[0]


Purpose = Literal["call", "work", "probe", "describe"]


class WireCall:
    """One request as the wire saw it. Times are monotonic seconds; `outcome` None while it is under way."""

    __slots__ = (
        "act",
        "begun_s",
        "credential",
        "ended_s",
        "key",
        "number",
        "outcome",
        "provider",
        "purpose",
        "said",
        "said_at_s",
        "timeout_s",
    )

    def __init__(self, number: int, provider: str, purpose: Purpose, act: Act, *, key: str, begun_s: float) -> None:
        self.number = number
        self.provider = provider
        self.purpose: Purpose = purpose
        self.act = act
        self.key = key
        self.begun_s = begun_s
        self.ended_s: float | None = None
        self.outcome: Literal["ok", "failed", "cancelled"] | None = None
        self.timeout_s = math.inf
        self.credential: str | None = None
        self.said: list[str] = []
        """The content a stream has handed over so far."""
        self.said_at_s = -math.inf

    def __repr__(self) -> str:
        end = "" if self.ended_s is None else f"..{self.ended_s:.3f}"
        what = self.act.failing or ("hangs" if self.act.hangs else "answers")
        return (
            f"#{self.number} {self.purpose} {self.provider} {self.begun_s:.3f}{end} {what} {self.outcome} [{self.key}]"
        )


class Observer(Protocol):
    """Sees each call begin and end, in the very step. It must not raise: a driver's error is the engine's to sort."""

    def begins(self, call: WireCall) -> None:
        """A request leaves."""

    def ends(self, call: WireCall) -> None:
        """It was answered, failed or was cancelled."""


class Wire:
    """The log of every call. `in_flight` counts those under way, by provider and purpose."""

    def __init__(self, clock: Clock, *, observer: Observer | None = None) -> None:
        self._clock = clock
        self.observer = observer
        self.calls: list[WireCall] = []
        self.in_flight: Counter[tuple[str, Purpose]] = Counter()

    def begin(self, provider: str, purpose: Purpose, act: Act, *, key: str = "", call: Call | None = None) -> WireCall:
        """Note that a request leaves."""
        made = WireCall(len(self.calls) + 1, provider, purpose, act, key=key, begun_s=self._clock.monotonic())
        if call is not None:
            made.timeout_s = call.timeout_s
            made.credential = None if call.credential is None else call.credential.reveal()
        self.calls.append(made)
        self.in_flight[provider, purpose] += 1
        if self.observer is not None:
            self.observer.begins(made)
        return made

    def end(self, call: WireCall, outcome: Literal["ok", "failed", "cancelled"]) -> None:
        """Note how it ended."""
        call.ended_s = self._clock.monotonic()
        call.outcome = outcome
        self.in_flight[call.provider, call.purpose] -= 1
        if self.observer is not None:
            self.observer.ends(call)

    async def play(self, call: WireCall) -> None:
        """Let an act take its time, and fail if it fails. The call is ended, except where it succeeds."""
        act = call.act
        try:
            if act.hangs:
                await asyncio.get_running_loop().create_future()
            if act.after_s > 0:
                await self._clock.sleep(act.after_s)
        except asyncio.CancelledError:
            self.end(call, "cancelled")
            if act.rude:
                raise TransportError("a library hid a cancellation", kind="reset") from None
            raise
        if act.failing is not None:
            self.end(call, "failed")
            raise act.error()


class ScriptedDriver(Driver):
    """A driver whose providers follow scripts. One that has no script answers at once."""

    title = "Scripted"
    default_base_url = "http://127.0.0.1:1"
    default_network: Network = "loopback"

    def __init__(
        self,
        name: str,
        wire: Wire,
        scripts: Mapping[str, Script],
        *,
        clock: Clock,
        categories: tuple[str, ...] = ("test",),
        capabilities: tuple[Capability, ...] = (),
        credential: CredentialNeed = "none",
        rung: RungName = "authentication",
        max_characters: int | None = None,
        description: Description | None = None,
    ) -> None:
        self.name = name
        self.categories = categories
        self.capabilities = capabilities
        self.credential = credential
        self.max_characters = max_characters
        self.rungs = (Rung(name=rung, proves="what the script says"),)
        self.describes = description is not None
        self._description = description
        self._rung = rung
        self._wire = wire
        self._scripts = scripts
        self._clock = clock

    async def call(self, call: Call) -> Result | AsyncIterator[Chunk]:
        """Do what the script says."""
        script = self._scripts.get(call.provider.id)
        act = Act() if script is None else script.act(self._clock.monotonic())
        made = self._wire.begin(call.provider.id, "call", act, key=call.idempotency_key, call=call)
        assert call.operation is not None  # a call without one is the engine's mistake
        if call.operation.stream and not act.bad_type:
            return self._stream(made, call.operation)
        await self._wire.play(made)
        self._wire.end(made, "ok")
        return "no result" if act.bad_type else answer(made, call.operation)  # type: ignore[return-value]  # a broken promise is the point

    async def _stream(self, made: WireCall, operation: Operation) -> AsyncIterator[Chunk]:
        act = made.act
        outcome: Literal["ok", "failed", "cancelled"] = "cancelled"
        try:
            if act.hangs:
                await asyncio.get_running_loop().create_future()
            await self._clock.sleep(act.after_s)
            for _ in range(act.silent):
                yield Chunk()
                await self._clock.sleep(act.gap_s)
            for number in range(act.chunks):
                text = f"{made.provider}-{made.number}-{number} "
                made.said.append(text)
                made.said_at_s = self._clock.monotonic()
                yield Chunk(text=text)
                await self._clock.sleep(act.gap_s)
            if act.idles:
                await asyncio.get_running_loop().create_future()
            if act.failing is not None:
                outcome = "failed"
                raise act.error()
            outcome = "failed" if act.ends_early else "ok"
            if not act.ends_early:
                result = answer(made, operation)
                yield Chunk(result=Result(value={**result.value, "text": "".join(made.said)}, units=result.units))
        except asyncio.CancelledError:
            if act.rude:
                raise TransportError("a library hid a cancellation", kind="reset") from None
            raise
        finally:
            self._wire.end(made, outcome)

    async def probe(self, call: Call) -> ProbeResult:
        """Do what the script says of probes."""
        script = self._scripts.get(call.provider.id)
        act = Act(after_s=0.0) if script is None else script.phase(self._clock.monotonic()).probe
        made = self._wire.begin(call.provider.id, "probe", act, call=call)
        await self._wire.play(made)
        self._wire.end(made, "ok")
        return ProbeResult(rung=self._rung)

    async def describe(self, call: Call) -> Description:
        """What was given; it fails while probes do."""
        script = self._scripts.get(call.provider.id)
        act = Act(after_s=0.0) if script is None else script.phase(self._clock.monotonic()).probe
        made = self._wire.begin(call.provider.id, "describe", act, call=call)
        await self._wire.play(made)
        self._wire.end(made, "ok")
        return self._description or Description()


def answer(call: WireCall, operation: Operation) -> Result:
    """What a scripted provider answers: its name and the text it was given."""
    text = str(operation.payload.get("text", ""))
    value = {"by": call.provider, "number": call.number, "text": text, "unusable": call.act.unusable}
    return Result(value=value, units={"characters": float(len(text))})


class ScriptedKind(OperationKind):
    """An operation that takes a text; long ones are cut at the limit, and unusable results turned down."""

    title = "Scripted"
    fields = ()

    def __init__(self, name: str = "say", category: str = "test", *, idempotent: bool = True) -> None:
        self.name = name
        self.category = category
        self.idempotent = idempotent

    def check(self, payload: Payload, result: Result) -> None:
        """Turn down what the script marked.

        Raises:
            BadResult: it is marked.
        """
        if result.value.get("unusable"):
            raise BadResult("the scripted result is unusable")

    def split(self, payload: Payload, max_characters: int) -> Sequence[Payload]:
        """Cut at the limit."""
        text = str(payload.get("text", ""))
        starts = range(0, max(1, len(text)), max_characters)
        return tuple({**payload, "text": text[start : start + max_characters]} for start in starts)

    def join(self, payload: Payload, results: Sequence[Result]) -> Result:
        """The texts one after the other."""
        return Result(value={"text": "".join(str(result.value["text"]) for result in results), "pieces": len(results)})


class ScriptedSource(Source):
    """Names the providers in `found`, which a test may change; raises `problem` where there is one."""

    def __init__(self, name: str, found: Sequence[ProviderDescriptor], *, clock: Clock, after_s: float = 0.0) -> None:
        self.name = name
        self.found = list(found)
        self.problem: str | None = None
        self._clock = clock
        self._after_s = after_s

    async def discover(self) -> Sequence[ProviderDescriptor]:
        """The list as it is now."""
        if self._after_s:
            await self._clock.sleep(self._after_s)
        if self.problem is not None:
            raise SdkError(self.problem)
        return list(self.found)


class ScriptedPlugins:
    """Stands in for the loaded plugins: what the engine reads of them, and nothing more."""

    def __init__(
        self,
        *,
        sources: Sequence[Source] = (),
        drivers: Sequence[Driver] = (),
        kinds: Sequence[OperationKind] = (),
        listener: Callable[[object], None] | None = None,
    ) -> None:
        self.sources = {source.name: source for source in sources}
        self.drivers = {driver.name: driver for driver in drivers}
        self.kinds = {kind.name: kind for kind in kinds}
        self.rankers: Mapping[str, Any] = {}
        self.sections: tuple[SettingsSection, ...] = ()
        self.classify_hooks: Sequence[Callable[[Exception], ErrorClass | None]] = ()
        self.driver_section: Mapping[str, str] = {}
        self.problems: tuple[str, ...] = ()
        self.unloaded_sections: frozenset[str] = frozenset()
        self._listener = listener

    @property
    def listens(self) -> bool:
        """Whether there is a listener."""
        return self._listener is not None

    def hear(self, listener: Callable[[Any], None]) -> None:
        """Nothing here is ever put aside."""

    def notify(self, event: object) -> None:
        """Hand an event to the listener."""
        if self._listener is not None:
            self._listener(event)

    def views(self) -> tuple[Any, ...]:
        """Nothing was installed."""
        return ()


class NoNetwork:
    """An `HttpFactory` whose clients refuse every request: scripted drivers need none."""

    def __init__(self) -> None:
        self._client = WireDouble()

    def client(self, *, network: Network, bearer: str | None = None) -> HttpClient:
        """The one client."""
        return self._client

    async def aclose(self) -> None:
        """Nothing to close."""


__all__ = [
    "FAILURES",
    "Act",
    "Failing",
    "NoNetwork",
    "Observer",
    "Phase",
    "Script",
    "ScriptedDriver",
    "ScriptedKind",
    "ScriptedPlugins",
    "ScriptedSource",
    "Wire",
    "WireCall",
    "act_of",
    "answer",
]
