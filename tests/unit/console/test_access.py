"""Who may do what, and the trail that it leaves."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from contextlib import aclosing
from types import SimpleNamespace
from typing import Any, Final, cast

import pytest

from provider_console.adapters.clock import SystemClock
from provider_console.adapters.memory import MemoryAudit
from provider_console.console.access import ACTIONS, Identity, Role, guarded, refusal, role_of
from provider_console.console.console import Console
from provider_console.console.errors import AuditUnavailable, BadRequest, Forbidden
from provider_console.console.views import ConfigView, SettingView
from provider_console.core.ports.audit import AuditRow
from provider_console.core.settings import AccessSettings
from provider_console.sdk import Operation, Secret
from provider_console.testing.simulation import SimClock

CANARY: Final = "canary-4711-value"

ARGUMENTS: Final[dict[str, tuple[tuple[Any, ...], dict[str, Any]]]] = {
    "provider": (("a",), {}),
    "set_provider_enabled": (("a",), {"enabled": False}),
    "adopt_provider": (("a",), {"base_url": "https://a.example", "credential": "A_KEY"}),
    "check": (("a",), {}),
    "operation": (("chat", {"text": CANARY}), {}),
    "execute": ((Operation(kind="chat", category="ai", payload={"text": CANARY}),), {}),
    "execute_stream": ((Operation(kind="chat", category="ai", payload={"text": CANARY}),), {}),
    "explain": ((Operation(kind="chat", category="ai", payload={"text": CANARY}),), {}),
    "cancel": (("E1",), {}),
    "execution": (("E1",), {}),
    "repeat": (("E1",), {}),
    "validate_config": ((CANARY,), {}),
    "acknowledge_alert": (("A1",), {}),
    "snooze_alert": (("A1",), {"for_s": 3600.0}),
    "edited_config": (({"engine.max_retries": 3},), {}),
    "config_impact": ((CANARY,), {}),
    "set_config": (("engine.max_retries", 3), {}),
    "replace_config": ((CANARY,), {"revision": "r1", "reason": "because"}),
    "revision_text": ((7,), {}),
    "restore_config": ((7,), {}),
    "set_plugin_enabled": (("translation",), {"enabled": False}),
    "set_secret": (("A_KEY", Secret(CANARY)), {}),
    "test_secret": (("A_KEY",), {}),
    "delete_secret": (("A_KEY",), {}),
    "issue_token": (("alice",), {"role": "admin"}),
    "renew_token": ((Secret(CANARY),), {}),
    "revoke_token": (("T1",), {}),
}
"""What each action is called with; the others take nothing."""

STREAMS: Final = ("execute_stream", "events")


class Behind:
    """A console that remembers what was done, and does it as told: at once, by failing, or by waiting."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.failure: Exception | None = None
        self.gate: asyncio.Event | None = None
        self.begun = asyncio.Event()

    async def _do(self, name: str) -> Any:
        self.begun.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        self.done.append(name)
        return f"answer of {name}"

    async def config(self) -> ConfigView:
        await self._do("config")
        return ConfigView(
            revision="r1",
            file="config.toml",
            settings=(SettingView(key="engine.max_retries", value=5, default=5, origin="default"),),
        )

    async def providers(self, **_: Any) -> list[Any]:
        await self._do("providers")
        return [SimpleNamespace(id="a", enabled=True)]


def _plain(name: str) -> Any:
    async def method(self: Behind, *args: Any, **kwargs: Any) -> Any:
        return await self._do(name)

    return method


def _streaming(name: str) -> Any:
    async def method(self: Behind, *args: Any, **kwargs: Any) -> Any:
        for number in range(3):
            yield number
        await self._do(name)

    return method


for _name in ACTIONS:
    if not hasattr(Behind, _name):
        _method = (_streaming if _name in STREAMS else _plain)(_name)
        _method.__signature__ = inspect.signature(getattr(Console, _name))
        setattr(Behind, _name, _method)


class Door:
    """A guarded console with everything behind it in sight."""

    def __init__(self, role: Role, front_end: str = "cli") -> None:
        self.behind = Behind()
        self.audit = MemoryAudit(SimClock())
        self.identity = Identity(actor="alice", role=role, front_end=front_end)
        self.console: Any = guarded(self.behind, self.audit, self.identity)  # type: ignore[arg-type]

    async def call(self, name: str) -> Any:
        """The action with its arguments; a stream is read to its end."""
        args, kwargs = ARGUMENTS.get(name, ((), {}))
        answer = getattr(self.console, name)(*args, **kwargs)
        if name in STREAMS:
            return [item async for item in answer]
        return await answer

    async def trail(self) -> list[AuditRow]:
        """Oldest first."""
        self.audit.failure = None
        return list(reversed(await self.audit.rows()))

    async def results(self) -> list[tuple[str, str]]:
        """Phase and result of each row."""
        return [(row.phase, row.result) for row in await self.trail()]


RANKS: Final = {Role.METRICS: 0, Role.ADMIN: 1, Role.SUPER_ADMIN: 2}


def allowed(role: Role, name: str) -> bool:
    return RANKS[role] >= RANKS[ACTIONS[name].role]


# Who one is, the guard knows itself.
PRODUCT = [(role, name) for role in Role for name in ACTIONS if name != "whoami"]
ALLOWED = [case for case in PRODUCT if allowed(*case)]
REFUSED = [case for case in PRODUCT if not allowed(*case)]
AUDITED = [name for name in ACTIONS if ACTIONS[name].audited]


def _id(value: Any) -> str:
    return str(value)


# --- roles -------------------------------------------------------------------------------------------------------

LISTS = AccessSettings(super_admins=("alice",), admins=("bob",))
ROLES: Final[list[tuple[str, AccessSettings | None, Role | None, Role | None]]] = [
    ("zoe", None, None, Role.SUPER_ADMIN),
    ("zoe", None, Role.ADMIN, Role.ADMIN),
    ("zoe", None, Role.SUPER_ADMIN, Role.SUPER_ADMIN),
    ("alice", LISTS, None, Role.SUPER_ADMIN),
    ("alice", LISTS, Role.ADMIN, Role.ADMIN),
    ("bob", LISTS, None, Role.ADMIN),
    ("bob", LISTS, Role.ADMIN, Role.ADMIN),
    ("bob", LISTS, Role.SUPER_ADMIN, None),
    ("zoe", LISTS, None, None),
    ("zoe", LISTS, Role.ADMIN, None),
    ("Alice", LISTS, None, None),
    ("", AccessSettings(), None, None),
    ("both", AccessSettings(super_admins=("both",), admins=("both",)), None, Role.SUPER_ADMIN),
]


@pytest.mark.parametrize(("user", "access", "wanted", "role"), ROLES)
def test_a_role_is_what_the_lists_say_and_can_only_be_lowered(
    user: str, access: AccessSettings | None, wanted: Role | None, role: Role | None
) -> None:
    if role is None:
        with pytest.raises(Forbidden):
            role_of(user, access, wanted=wanted)
    else:
        assert role_of(user, access, wanted=wanted) is role


# --- the full product --------------------------------------------------------------------------------------------


def test_an_admin_reads_and_executes_and_changes_nothing() -> None:
    changing = {"set", "replace", "restore", "adopt", "delete"}
    refused = {name for role, name in REFUSED if role is Role.ADMIN}

    assert refused >= {name for name in ACTIONS if name.split("_")[0] in changing} - {"set_provider_enabled"}
    assert refused >= {name for name in ACTIONS if "secret" in name}
    assert refused >= {name for name in ACTIONS if "token" in name} - {"renew_token"}
    assert not refused & {"execute", "execute_stream", "check", "providers", "health", "audit"}


@pytest.mark.parametrize(("role", "name"), ALLOWED, ids=_id)
async def test_what_a_role_may_do_is_done_and_the_answer_comes_back(role: Role, name: str) -> None:
    door = Door(role)

    answer = await door.call(name)

    assert door.behind.done[-1] == name
    assert answer
    expected = [("intent", "pending"), ("outcome", "done")] if ACTIONS[name].audited else []
    assert await door.results() == expected


@pytest.mark.parametrize("role", list(Role))
async def test_the_guard_says_who_one_is_and_what_each_action_needs(role: Role) -> None:
    who = await Door(role).call("whoami")

    assert (who.actor, who.role, who.front_end) == ("alice", role.value, "cli")
    refused = {name: words for name, words in who.may.items() if words is not None}
    assert refused == {name: f"needs the role {ACTIONS[name].role.words}" for at, name in REFUSED if at is role}


@pytest.mark.parametrize(("role", "name"), REFUSED, ids=_id)
async def test_what_a_role_may_not_do_does_not_happen_and_is_on_record(role: Role, name: str) -> None:
    door = Door(role)

    with pytest.raises(Forbidden, match=f"^{ACTIONS[name].doing} needs the role .*; alice is {role.words}$"):
        await door.call(name)

    assert name not in door.behind.done
    intent, outcome = await door.trail()
    assert (intent.action, intent.actor, intent.role, intent.front_end) == (name, "alice", role.value, "cli")
    assert (outcome.phase, outcome.result, outcome.refers_to) == ("outcome", "refused", intent.seq)


def test_a_refusal_says_what_was_wanted_in_a_persons_words() -> None:
    bob = Identity(actor="bob", role=Role.ADMIN, front_end="cli")

    said = refusal("replace_config", bob)

    assert said == "changing the configuration needs the role super admin; bob is admin"
    assert not [name for name, action in ACTIONS.items() if "_" in action.doing or not action.doing.islower()]


@pytest.mark.parametrize("front_end", ["cli", "tui", "api"])
@pytest.mark.parametrize("role", list(Role))
async def test_every_front_end_has_the_one_table(role: Role, front_end: str) -> None:
    for name in ACTIONS:
        door = Door(role, front_end)
        if allowed(role, name):
            await door.call(name)
        else:
            with pytest.raises(Forbidden):
                await door.call(name)
        assert {row.front_end for row in await door.trail()} <= {front_end}
        assert bool(await door.trail()) is (ACTIONS[name].audited or not allowed(role, name))


@pytest.mark.parametrize("name", ["forget_everything", "_engine", "_parts", "execute_with_fallback", "providerz"])
async def test_what_is_not_in_the_table_does_not_exist(name: str) -> None:
    door = Door(Role.SUPER_ADMIN)

    with pytest.raises(AttributeError, match="no action"):
        getattr(door.console, name)


# --- the trail ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", AUDITED)
async def test_the_intent_is_on_record_before_the_effect_begins(name: str) -> None:
    door = Door(Role.SUPER_ADMIN)
    seen: list[list[tuple[str, str]]] = []
    do = door.behind._do

    async def watched(action: str) -> Any:
        if action == name:
            seen.append(await door.results())
        return await do(action)

    door.behind._do = watched  # type: ignore[method-assign]
    await door.call(name)

    assert seen == [[("intent", "pending")]]


@pytest.mark.parametrize("name", AUDITED)
async def test_without_a_trail_nothing_happens(name: str) -> None:
    door = Door(Role.SUPER_ADMIN)
    door.audit.failure = "audit.db: the disk is full"

    with pytest.raises(AuditUnavailable, match=r"was not done: audit\.db: the disk is full") as caught:
        await door.call(name)

    assert caught.value.code == "audit_unavailable"
    assert name not in door.behind.done
    assert not [item for item in door.behind.done if ACTIONS[item].audited]


@pytest.mark.parametrize("name", sorted(set(ACTIONS) - set(AUDITED)))
async def test_reading_goes_on_without_a_trail(name: str) -> None:
    door = Door(Role.SUPER_ADMIN)
    door.audit.failure = "audit.db: the disk is full"

    assert await door.call(name)


@pytest.mark.parametrize("name", sorted({name for role, name in REFUSED if role is Role.ADMIN}))
async def test_what_is_refused_stays_refused_without_a_trail(name: str) -> None:
    door = Door(Role.ADMIN)
    door.audit.failure = "audit.db: the disk is full"

    with pytest.raises((Forbidden, AuditUnavailable)):
        await door.call(name)

    assert door.behind.done in ([], ["config"], ["providers"])


@pytest.mark.parametrize("name", AUDITED)
async def test_a_failure_is_the_outcome_and_passes_unchanged(name: str) -> None:
    door = Door(Role.SUPER_ADMIN)
    failure = BadRequest("no")
    do = door.behind._do

    async def failing(action: str) -> Any:
        if action == name:
            raise failure
        return await do(action)

    door.behind._do = failing  # type: ignore[method-assign]
    with pytest.raises(BadRequest) as caught:
        await door.call(name)

    assert caught.value is failure
    assert await door.results() == [("intent", "pending"), ("outcome", "failed")]


@pytest.mark.parametrize("name", AUDITED)
async def test_a_cancel_in_the_middle_still_leaves_its_outcome(name: str) -> None:
    door = Door(Role.SUPER_ADMIN)
    begun = asyncio.Event()
    do = door.behind._do

    async def hanging(action: str) -> Any:
        if action == name:
            begun.set()
            await asyncio.Event().wait()
        return await do(action)

    door.behind._do = hanging  # type: ignore[method-assign]
    task = asyncio.ensure_future(door.call(name))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await door.results() == [("intent", "pending"), ("outcome", "cancelled")]


async def test_an_outcome_that_cannot_be_written_does_not_undo_what_was_done(
    caplog: pytest.LogCaptureFixture,
) -> None:
    door = Door(Role.SUPER_ADMIN)
    do = door.behind._do

    async def then_full(action: str) -> Any:
        door.audit.failure = "audit.db: the disk is full"
        return await do(action)

    door.behind._do = then_full  # type: ignore[method-assign]

    assert await door.call("check") == "answer of check"
    assert await door.results() == [("intent", "pending")]
    assert "the outcome of audit row 1 could not be written" in caplog.text


# --- streams -----------------------------------------------------------------------------------------------------


async def test_a_reader_that_leaves_a_stream_early_has_cancelled_it() -> None:
    door = Door(Role.ADMIN)
    args, kwargs = ARGUMENTS["execute_stream"]
    async with aclosing(door.console.execute_stream(*args, **kwargs)) as items:
        assert await anext(items) == 0

    assert await door.results() == [("intent", "pending"), ("outcome", "cancelled")]
    assert door.behind.done == []


async def test_a_stream_nobody_began_to_read_is_no_intent() -> None:
    door = Door(Role.ADMIN)
    args, kwargs = ARGUMENTS["execute_stream"]
    async with aclosing(door.console.execute_stream(*args, **kwargs)):
        pass

    assert await door.results() == []


async def test_events_are_read_without_a_trace() -> None:
    door = Door(Role.ADMIN)

    assert await door.call("events") == [0, 1, 2]
    assert await door.results() == []


# --- what the trail holds ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", list(Role))
async def test_no_payload_no_text_and_no_secret_is_ever_in_the_trail(role: Role) -> None:
    door = Door(role)
    for name in ACTIONS:
        if allowed(role, name):
            await door.call(name)
        else:
            with pytest.raises(Forbidden):
                await door.call(name)

    rows = await door.trail()
    assert rows
    assert CANARY not in repr(rows)


SUBJECTS = [
    ("check", "a"),
    ("execute", "chat (ai)"),
    ("set_secret", "A_KEY"),
    ("set_config", "engine.max_retries"),
    ("restore_config", "7"),
    ("clear_cache", ""),
]


@pytest.mark.parametrize(("name", "subject"), SUBJECTS)
async def test_the_trail_names_what_an_action_is_about(name: str, subject: str) -> None:
    door = Door(Role.SUPER_ADMIN)
    await door.call(name)

    assert [row.subject for row in await door.trail()] == [subject, subject]


async def test_a_change_of_a_setting_says_what_it_replaces() -> None:
    door = Door(Role.SUPER_ADMIN)
    await door.call("set_config")

    intent = (await door.trail())[0]
    assert (intent.before, intent.after) == ("5", '{"key":"engine.max_retries","value":3}')


async def test_a_switch_says_what_it_replaces() -> None:
    door = Door(Role.SUPER_ADMIN)
    await door.call("set_provider_enabled")

    assert (await door.trail())[0].before == "enabled: true"


async def test_arguments_that_do_not_fit_are_a_bad_request_and_no_intent() -> None:
    door = Door(Role.SUPER_ADMIN)

    with pytest.raises(BadRequest):
        await door.console.check("a", "b", "c")

    assert await door.results() == []


async def test_a_key_typed_where_its_name_belongs_is_not_kept_in_the_trail() -> None:
    audit = MemoryAudit(SystemClock())
    await audit.open()
    console = guarded(cast(Console, _Refusing()), audit, Identity(actor="zoe", role=Role.SUPER_ADMIN, front_end="cli"))

    for key, value in (
        ("dynamic_ai.providers.openai.credential", "a-value-of-no-known-shape"),
        ("appearance.language", "sk-0123456789abcdef0123"),
        ("network.proxy", "http://me:hush-hush@proxy:3128"),
    ):
        with pytest.raises(BadRequest):
            await console.set_config(key, value)

    kept = repr(await audit.rows())
    assert "network.proxy" in kept
    for value in ("a-value-of-no-known-shape", "sk-0123456789", "hush-hush"):
        assert value not in kept


@pytest.mark.parametrize(
    "typed", ["a1b2c3d4e5f60718293a4b5c6d7e8f90", "A1B2C3D4E5F60718293A4B5C6D7E8F90", "a-value-of-no-known-shape"]
)
@pytest.mark.parametrize("role", list(Role))
async def test_a_key_typed_as_the_name_of_a_secret_is_not_kept_in_the_trail(typed: str, role: Role) -> None:
    door = Door(role)

    for name, more in (("set_secret", (Secret("x"),)), ("test_secret", ()), ("delete_secret", ())):
        with contextlib.suppress(Forbidden):
            await getattr(door.console, name)(typed, *more)

    rows = await door.trail()
    assert {row.subject for row in rows} == {"…"}
    assert typed not in repr(rows)


async def test_a_look_that_asks_every_provider_is_on_record_as_a_check_is() -> None:
    door = Door(Role.ADMIN)
    await door.call("doctor")

    assert await door.results() == [("intent", "pending"), ("outcome", "done")]


class _Refusing:
    async def config(self) -> ConfigView:
        return ConfigView(revision="", file="config.toml", settings=())

    async def set_config(self, key: str, value: object) -> ConfigView:
        raise BadRequest("no", field=key)
