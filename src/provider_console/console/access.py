"""Who may do what: one table of actions, and the guard that checks a role and leaves a trace.

The guard is the only way to a Console from a front end. It refuses what the role may not do, and writes what
changes or executes something to the audit trail twice: the intent before the effect, the outcome after it.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import AsyncIterator, Callable, Mapping
from enum import StrEnum
from typing import Any, Final, NoReturn, cast

import msgspec

from provider_console.console.actor import acting
from provider_console.console.console import Console
from provider_console.console.errors import AuditUnavailable, BadRequest, Forbidden
from provider_console.console.views import Who
from provider_console.core.credentials import is_credential_name, mask_keys
from provider_console.core.nearest import did_you_mean
from provider_console.core.ports.audit import AuditStore
from provider_console.core.ports.store import StoreUnavailable
from provider_console.core.settings import AccessSettings
from provider_console.core.text import clean_content, clean_text
from provider_console.sdk.operation import Operation
from provider_console.sdk.secret import Secret


class Role(StrEnum):
    """What somebody may do: `metrics` reads figures only, an admin reads and executes, a super admin also changes."""

    METRICS = "metrics"
    ADMIN = "admin"
    SUPER_ADMIN = "super_admin"

    @property
    def words(self) -> str:
        """As a sentence says it."""
        return self.value.replace("_", " ")

    def includes(self, other: Role) -> bool:
        """Whether this role may do what the other one may."""
        return _ORDER.index(self) >= _ORDER.index(other)


_ORDER: Final = (Role.METRICS, Role.ADMIN, Role.SUPER_ADMIN)

PEOPLE: Final = (Role.ADMIN, Role.SUPER_ADMIN)
"""Roles that a person may have; `metrics` is for a program that scrapes."""


class Action(msgspec.Struct, frozen=True):
    """One row of the table: what it is in words, the least role, and whether the audit trail holds it.

    `doing` begins a sentence: "changing the configuration needs the role super admin".
    """

    doing: str
    role: Role
    audited: bool = False


_read = functools.partial(Action, role=Role.ADMIN)
_do = functools.partial(Action, role=Role.ADMIN, audited=True)
_change = functools.partial(Action, role=Role.SUPER_ADMIN, audited=True)
_see = functools.partial(Action, role=Role.SUPER_ADMIN)
_measure = functools.partial(Action, role=Role.METRICS)

ACTIONS: Final[Mapping[str, Action]] = {
    "providers": _read("listing providers"),
    "provider": _read("looking at a provider"),
    "set_provider_enabled": _do("switching a provider on or off"),
    "adopt_provider": _change("adopting a provider"),
    "health": _read("looking at health"),
    "notices": _read("reading notices"),
    "check": _do("checking providers"),
    "recent_checks": _read("reading checks"),
    "trends": _read("reading trends"),
    "survey": _read("looking around on this machine"),
    "coverage": _read("looking at coverage"),
    "clear_cache": _do("clearing the cache"),
    "kinds": _read("listing what can be executed"),
    "operation": _read("reading an operation"),
    "execute": _do("executing"),
    "execute_stream": _do("executing"),
    "explain": _read("explaining the order"),
    "cancel": _do("cancelling an execution"),
    "executions": _read("listing executions"),
    "execution": _read("reading an execution"),
    "repeat": _read("reading what was executed"),
    "figures": _read("reading figures"),
    "analytics": _read("reading analytics"),
    "history": _read("reading analytics"),
    "outages": _read("reading outages"),
    "alerts": _read("reading alerts"),
    "alert_rules": _read("reading alert rules"),
    "acknowledge_alert": _do("acknowledging an alert"),
    "snooze_alert": _do("snoozing an alert"),
    "config": _read("reading the configuration"),
    "config_text": _read("reading the configuration"),
    "validate_config": _read("trying a configuration"),
    "edited_config": _read("trying a configuration"),
    "config_impact": _read("trying a configuration"),
    "set_config": _change("changing the configuration"),
    "replace_config": _change("changing the configuration"),
    "confirm_config": _change("keeping a change of the configuration"),
    "config_history": _read("reading the versions of the configuration"),
    "revision_text": _read("reading the versions of the configuration"),
    "restore_config": _change("restoring a configuration"),
    "secrets": _see("listing credentials"),
    "secret_backend": _see("looking where credentials are kept"),
    "set_secret": _change("storing a credential"),
    "test_secret": _change("testing a credential"),
    "delete_secret": _change("deleting a credential"),
    "tokens": _see("listing access tokens"),
    "issue_token": _change("issuing an access token"),
    "renew_token": _do("renewing an access token"),
    "revoke_token": _change("revoking access tokens"),
    "rotate_token_keys": _change("changing the keys of access tokens"),
    "whoami": _measure("asking who one is"),
    "vitals": _measure("reading the figures for monitoring"),
    "audit": _read("reading the audit trail"),
    "verify_audit": _read("verifying the audit trail"),
    "log": _read("reading the log"),
    "plugins": _read("listing plugins"),
    "set_plugin_enabled": _change("switching a plugin on or off"),
    "doctor": _do("asking the doctor"),
    "events": _read("listening to events"),
}
"""Every method of `Console`, by its name. A method without a row cannot be called."""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, as what, through which front end (`cli`, `terminal`, `api`)."""

    actor: str
    role: Role
    front_end: str


class Bearer(msgspec.Struct, frozen=True, kw_only=True):
    """Who shows a token, of which line of renewals, and until when it counts (wall seconds)."""

    identity: Identity
    line: str
    expires_at: float


def refusal(name: str, identity: Identity) -> str:
    """Why somebody may not do something, in a sentence."""
    action = ACTIONS[name]
    return f"{action.doing} {_needed(action)}; {identity.actor} is {identity.role.words}"


def _needed(action: Action) -> str:
    return f"needs the role {action.role.words}"


def role_of(user: str, access: AccessSettings | None, *, wanted: Role | None = None) -> Role:
    """The role of an OS user; `wanted` can only lower it.

    >>> role_of("zoe", None), role_of("bob", AccessSettings(super_admins=("alice",), admins=("bob",)))
    (<Role.SUPER_ADMIN: 'super_admin'>, <Role.ADMIN: 'admin'>)

    Raises:
        Forbidden: the user is in neither list, or asks for more than they have.
    """
    if access is None or user in access.super_admins:
        role = Role.SUPER_ADMIN
    elif user in access.admins:
        role = Role.ADMIN
    else:
        raise Forbidden(
            f"{user} is not in [access] of the configuration; "
            "a super admin can add the name to access.admins or access.super_admins"
        )
    if wanted is None:
        return role
    if not role.includes(wanted):
        raise Forbidden(f"{user} is {role.words} and cannot act as {wanted.words}; a role can only be lowered")
    return wanted


def guarded(console: Console, audit: AuditStore, identity: Identity) -> Console:
    """The same console, held to a role and to the audit trail."""
    return cast(Console, _Guard(console, audit, identity))


class _Guard:
    """Wraps each action of the table; an attribute that is not an action does not exist."""

    def __init__(self, console: Console, audit: AuditStore, identity: Identity) -> None:
        self._console = console
        self._audit = audit
        self._identity = identity

    def __getattr__(self, name: str) -> Any:
        action = ACTIONS.get(name)
        if action is None:
            raise AttributeError(f"Console has no action {name!r}{did_you_mean(name, ACTIONS)}")
        if name == "whoami":
            return self._whoami
        method = getattr(self._console, name)
        wrapped = (self._streaming if _streams(method) else self._plain)(name, action, method)
        # Found without this method from now on.
        setattr(self, name, wrapped)
        return wrapped

    async def _whoami(self) -> Who:
        role = self._identity.role
        may = {name: None if role.includes(action.role) else _needed(action) for name, action in ACTIONS.items()}
        return Who(actor=self._identity.actor, role=role.value, front_end=self._identity.front_end, may=may)

    def _plain(self, name: str, action: Action, method: Callable[..., Any]) -> Callable[..., Any]:
        may, actor = self._identity.role.includes(action.role), self._identity.actor

        async def call(*args: Any, **kwargs: Any) -> Any:
            if not may:
                await self._refuse(name, method, args, kwargs)
            if not action.audited:
                with acting(actor):
                    return await method(*args, **kwargs)
            intent = await self._intend(name, method, args, kwargs)
            outcome = "failed"
            try:
                with acting(actor):
                    answer = await method(*args, **kwargs)
                outcome = "done"
                return answer
            except asyncio.CancelledError:
                outcome = "cancelled"
                raise
            finally:
                self._audit.conclude(intent, result=outcome)

        return call

    def _streaming(self, name: str, action: Action, method: Callable[..., Any]) -> Callable[..., Any]:
        may = self._identity.role.includes(action.role)
        if may and not action.audited:
            # Nothing to refuse and nothing to write: no generator between those who tell and those who listen.
            return method

        async def call(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            if not may:
                await self._refuse(name, method, args, kwargs)
            intent = await self._intend(name, method, args, kwargs)
            outcome = "failed"
            items = method(*args, **kwargs)
            try:
                async for item in items:
                    yield item
                outcome = "done"
            except (asyncio.CancelledError, GeneratorExit):
                outcome = "cancelled"
                raise
            finally:
                await items.aclose()
                self._audit.conclude(intent, result=outcome)

        return call

    async def _refuse(
        self, name: str, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> NoReturn:
        intent = await self._intend(name, method, args, kwargs)
        self._audit.conclude(intent, result="refused")
        raise Forbidden(refusal(name, self._identity))

    async def _intend(
        self, name: str, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> int:
        subject, after = _subject(name, method, args, kwargs)
        try:
            before = await _before(self._console, name, subject)
            return await self._audit.intend(
                actor=self._identity.actor,
                role=self._identity.role.value,
                front_end=self._identity.front_end,
                action=name,
                subject=subject,
                before=before,
                after=after,
            )
        except StoreUnavailable as error:
            raise AuditUnavailable(f"{ACTIONS[name].doing} was not done: {error}") from error


_encode: Callable[[object], bytes] = msgspec.json.Encoder().encode
_UNSPOKEN: Final = frozenset({"payload", "text"})
"""Arguments whose content stays out of the trail: prompts and whole files. A `Secret` never speaks."""


_CREDENTIALS: Final[Mapping[str, tuple[str, ...]]] = {
    "set_secret": ("name",),
    "test_secret": ("name",),
    "delete_secret": ("name",),
    "adopt_provider": ("credential",),
}
"""Arguments that name a credential."""


async def _before(console: Console, name: str, subject: str) -> str | None:
    """What a change is about to replace; None where there is nothing, or the action itself will say what is wrong."""
    match name:
        case "set_config":
            settings = (await console.config()).settings
            return next((mask_keys(msgspec.json.encode(s.value).decode()) for s in settings if s.key == subject), None)
        case "set_provider_enabled":
            views = await console.providers(include_inactive=True)
            return next((f"enabled: {str(view.enabled).lower()}" for view in views if view.id == subject), None)
    return None


def _subject(
    action: str, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[str, str | None]:
    """What an action is about: its first argument, and the others as JSON without content."""
    spoken = {name: _spoken(name, value) for name, value in _given(method, args, kwargs).items()}
    # Somebody may have typed a credential where its name belongs: it is refused, and must not be kept either.
    for argument in _CREDENTIALS.get(action, ()):
        if spoken.get(argument) is not None and not is_credential_name(str(spoken[argument])):
            spoken[argument] = "…"
    if str(spoken.get("key", "")).endswith("credential") and not is_credential_name(str(spoken.get("value"))):
        spoken["value"] = "…"
    first = next(iter(spoken.values()), None)
    after = clean_content(mask_keys(_encode(spoken).decode())) if spoken else None
    return clean_text(mask_keys("" if first is None else str(first)), 200), after


def _given(method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Mapping[str, Any]:
    """What a method is called with, by name and in its own order. Raises: BadRequest: it cannot be called so."""
    signature, names = _signature(method)
    # Every argument by position: nothing to match, and matching takes longer than writing the row.
    if not kwargs and len(args) == len(names):
        return dict(zip(names, args, strict=True))
    try:
        return signature.bind(*args, **kwargs).arguments
    except TypeError as error:
        raise BadRequest(str(error)) from error


def _signature(method: Callable[..., Any]) -> tuple[inspect.Signature, tuple[str, ...]]:
    """The arguments of a method, and their names where all may be given by position; remembered by its function."""
    function = getattr(method, "__func__", None)
    return _named(inspect.signature(method)) if function is None else _without_self(function)


@functools.lru_cache(maxsize=256)
def _without_self(function: Callable[..., Any]) -> tuple[inspect.Signature, tuple[str, ...]]:
    whole = inspect.signature(function)
    return _named(whole.replace(parameters=list(whole.parameters.values())[1:]))


def _named(signature: inspect.Signature) -> tuple[inspect.Signature, tuple[str, ...]]:
    kinds = {one.kind for one in signature.parameters.values()}
    return signature, tuple(signature.parameters) if kinds == {inspect.Parameter.POSITIONAL_OR_KEYWORD} else ()


def _streams(method: Callable[..., Any]) -> bool:
    """Whether a method is an async generator."""
    return _is_stream(getattr(method, "__func__", method))


_is_stream: Final = functools.lru_cache(maxsize=256)(inspect.isasyncgenfunction)


def _spoken(name: str, value: object) -> Any:
    if isinstance(value, Secret) or name in _UNSPOKEN:
        return "…"
    if isinstance(value, Operation):
        return f"{value.kind} ({value.category})"
    return value if isinstance(value, str | int | float | bool | list | dict | None) else type(value).__name__
