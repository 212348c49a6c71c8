"""What holds of a `Console` whoever stands behind it: the engine, the guard, one elsewhere over ASGI and over TLS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from tests.api.far import far, near_asgi
from tests.api.served import HOUSE, situation

from provider_console.bootstrap import Situation, open_console, open_front_end
from provider_console.console.access import ACTIONS
from provider_console.console.console import Console
from provider_console.console.errors import (
    BadRequest,
    ConfigurationInvalid,
    Conflict,
    ConsoleError,
    NoProvider,
    NotFound,
    OperationFailed,
    PartialResult,
    SecretRefused,
)
from provider_console.console.events import Event, ExecutionEnded, ExecutionStarted
from provider_console.console.views import ExecutionReport, View
from provider_console.console.wire import hints
from provider_console.sandbox import Fault, Sandbox
from provider_console.sdk.operation import Chunk, Operation, RetryPolicy
from provider_console.sdk.secret import Secret

pytestmark = pytest.mark.limit(60)

CHAT: Final = {"text": "Why is the sky blue?"}

Opener = Callable[[Situation, Path], AbstractAsyncContextManager[Console]]


@asynccontextmanager
async def _engine(place: Situation, _folder: Path) -> AsyncIterator[Console]:
    async with open_console(place, grace_s=0.1) as console:
        yield console


@asynccontextmanager
async def _guarded(place: Situation, _folder: Path) -> AsyncIterator[Console]:
    async with open_front_end("cli", place, grace_s=0.1) as console:
        yield console


@asynccontextmanager
async def _asgi(place: Situation, _folder: Path) -> AsyncIterator[Console]:
    async with near_asgi(place) as console:
        yield console


CONSOLES: Final[Mapping[str, Opener]] = {
    "engine": _engine,
    "guarded": _guarded,
    "remote over ASGI": _asgi,
    "remote over TLS": far,
}


class Kit:
    """A console, and the servers of its providers."""

    def __init__(self, console: Console, sandbox: Sandbox) -> None:
        self.console = console
        self.sandbox = sandbox

    def fail(self, fault: Fault, *names: str) -> None:
        """Let providers fail at work; all of them where none is named."""
        for name in names or ("deepl", "libretranslate", "openai", "ollama"):
            self.sandbox[name].faults.set(fault, on="work")

    async def house(self, **options: Any) -> Operation:
        """The translation of the house."""
        return await self.console.operation("translate", HOUSE, options=options)


@pytest.fixture(params=list(CONSOLES))
async def kit(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Kit]:
    async with Sandbox(gap_s=0.02) as sandbox:
        place = situation(tmp_path / "engine", sandbox, health={"health_check_interval": 60_000})
        async with CONSOLES[request.param](place, tmp_path) as console:
            yield Kit(console, sandbox)


# --- every reading ------------------------------------------------------------------------------------------------

READINGS: Final[Mapping[str, Mapping[str, Any]]] = {
    "providers": {"category": "translation", "sort_by": "id", "include_inactive": True},
    "provider": {"provider_id": "deepl"},
    "health": {},
    "notices": {},
    "check": {"provider_id": "deepl"},
    "recent_checks": {"limit": 5},
    "trends": {},
    "survey": {},
    "coverage": {},
    "clear_cache": {},
    "kinds": {},
    "executions": {"limit": 5},
    "figures": {},
    "analytics": {"provider_id": "deepl"},
    "history": {"providers": ["deepl", "libretranslate"], "since": "2h"},
    "outages": {"since": "2h"},
    "alerts": {"only_open": True},
    "alert_rules": {},
    "config": {},
    "config_text": {},
    "validate_config": {"text": "[engine]\nmax_retries = 2\n"},
    "edited_config": {"changes": {"engine.max_retries": 2}},
    "config_impact": {"text": "[engine]\nmax_retries = 2\n"},
    "config_history": {"limit": 3},
    "revision_text": {"revision_id": 1},
    "secrets": {},
    "secret_backend": {},
    "tokens": {},
    "whoami": {},
    "vitals": {},
    "audit": {"since": "2h", "limit": 3},
    "log": {"limit": 5},
    "verify_audit": {},
    "plugins": {},
    "doctor": {},
}
ELSEWHERE: Final = frozenset(
    {
        "set_provider_enabled",
        "adopt_provider",
        "operation",
        "execute",
        "execute_stream",
        "explain",
        "cancel",
        "execution",
        "repeat",
        "acknowledge_alert",
        "snooze_alert",
        "set_config",
        "replace_config",
        "confirm_config",
        "restore_config",
        "set_secret",
        "test_secret",
        "delete_secret",
        "issue_token",
        "renew_token",
        "revoke_token",
        "rotate_token_keys",
        "set_plugin_enabled",
        "events",
    }
)
"""What changes or executes something, and so has a test of its own below."""


def test_every_action_is_asked_for_here() -> None:
    assert set(READINGS) | ELSEWHERE == set(ACTIONS)
    assert not set(READINGS) & ELSEWHERE


async def test_each_reading_is_what_the_interface_promises(kit: Kit) -> None:
    wrong = []
    for action, arguments in READINGS.items():
        answer = await getattr(kit.console, action)(**arguments)
        # As JSON and back: a value of another type would not come through.
        promised = hints(action)["return"]
        plain = msgspec.json.encode(answer)
        again = msgspec.json.encode(msgspec.json.decode(plain, type=promised))
        if msgspec.json.decode(again) != msgspec.json.decode(plain):
            wrong.append(action)
        assert not isinstance(answer, View) or type(answer) is promised
    assert wrong == []


async def test_arguments_arrive_as_they_were_given(kit: Kit) -> None:
    console = kit.console

    translators = await console.providers(category="translation", sort_by="id")
    assert [view.id for view in translators] == sorted(view.id for view in translators)
    assert {"deepl", "libretranslate"} <= {view.id for view in translators}
    with pytest.raises(BadRequest):
        await console.providers(category="nothing of the kind")
    assert [view.provider for view in await console.check("deepl")] == ["deepl"]
    assert (await console.analytics()) != (await console.analytics("deepl"))
    assert "max_retries = 2" in await console.edited_config({"engine.max_retries": 2})
    assert "max_retries" not in await console.edited_config({"engine.max_retries": None})


# --- operations -----------------------------------------------------------------------------------------------------


async def test_an_operation_keeps_all_that_was_said(kit: Kit) -> None:
    policy = RetryPolicy(attempts=2, base_delay_s=0.25, max_delay_s=1.5, swift=True)
    said = {
        "providers": ("deepl", "libretranslate"),
        "deadline_s": 12.5,
        "max_providers": 2,
        "policy": policy,
        "wait": True,
        "idempotent": False,
        "reference": "mine",
        "stream": True,
    }

    operation = await kit.house(**said)

    assert {name: getattr(operation, name) for name in said} == said
    assert operation.payload["text"] == HOUSE["text"]
    assert operation.capabilities == ("translate:en>es",)


async def test_an_execution_is_reported_stored_and_repeated(kit: Kit) -> None:
    kit.fail(Fault("status", status=503), "deepl")
    operation = await kit.house(providers=("deepl", "libretranslate"), policy=RetryPolicy(attempts=1))

    report = await kit.console.execute(operation)

    assert report.status == "ok"
    assert report.result is not None
    assert report.result["text"] == "La casa es roja."
    assert [attempt.provider for attempt in report.attempts] == ["deepl", "libretranslate"]
    stored = await kit.console.execution(report.execution_id)
    assert [attempt.provider for attempt in stored.attempts] == ["deepl", "libretranslate"]
    again = await kit.console.repeat(report.execution_id)
    assert (again.kind, again.payload, again.providers) == (operation.kind, operation.payload, operation.providers)
    assert report.execution_id in [row.execution_id for row in await kit.console.executions(limit=5)]
    assert not await kit.console.cancel(report.execution_id)


async def test_the_plan_names_everybody_and_calls_nobody(kit: Kit) -> None:
    explanation = await kit.console.explain(await kit.house())

    assert sorted(step.provider for step in explanation.plan) == ["deepl", "libretranslate", "ollama", "openai"]
    assert await kit.console.executions() == []


async def test_a_stream_has_its_pieces_and_then_the_report(kit: Kit) -> None:
    operation = await kit.console.operation("chat", CHAT, options={"providers": ("openai",)})

    async with aclosing(_closable(kit.console.execute_stream(operation))) as items:
        found = [item async for item in items]

    assert isinstance(found[-1], ExecutionReport)
    assert found[-1].status == "ok"
    pieces = [item.text for item in found[:-1] if isinstance(item, Chunk)]
    assert len(pieces) > 1
    assert found[-1].result is not None
    assert "".join(pieces) == found[-1].result["text"]


async def test_a_stream_that_breaks_gives_what_had_arrived(kit: Kit) -> None:
    kit.fail(Fault("cut_stream", chunks=3), "openai")
    operation = await kit.console.operation("chat", CHAT, options={"providers": ("openai",)})

    pieces: list[str] = []

    async def read() -> None:
        async with aclosing(_closable(kit.console.execute_stream(operation))) as items:
            async for item in items:
                pieces.append(item.text)  # noqa: PERF401 - it is to be kept when the next one fails

    with pytest.raises(PartialResult) as caught:
        await read()

    assert caught.value.text == "".join(pieces) != ""
    assert caught.value.report.attempts[0].provider == "openai"


async def test_a_cancelled_call_cancels_the_execution(kit: Kit) -> None:
    kit.fail(Fault("hang"))
    # Of everybody, health would decide who comes first, and so who is still being waited for.
    operation = await kit.house(providers=("deepl",))
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(kit.console.execute(operation))
        await kit.sandbox["deepl"].arrived(1, lane="work")

        running.cancel()

    while True:
        rows = await kit.console.executions(limit=1)
        if rows and rows[0].status is not None:
            break
        await asyncio.sleep(0.02)
    assert rows[0].status == "cancelled"


async def test_an_execution_is_cancelled_by_its_id(kit: Kit) -> None:
    kit.fail(Fault("hang"))
    async with aclosing(_closable(kit.console.events())) as events, asyncio.TaskGroup() as tasks:
        begun = tasks.create_task(_first(events, ExecutionStarted))
        running = tasks.create_task(_ends_badly(kit.console.execute(await kit.house())))
        started = await begun

        assert await kit.console.cancel(started.execution_id)

        error = await running
        assert error.report.status == "cancelled"


# --- events -------------------------------------------------------------------------------------------------------


async def test_events_tell_of_an_execution_without_its_content(kit: Kit) -> None:
    async with aclosing(_closable(kit.console.events())) as events, asyncio.TaskGroup() as tasks:
        told = tasks.create_task(_first(events, ExecutionEnded))
        reports = []
        while not told.done():
            reports.append(await kit.console.execute(await kit.house()))
            await asyncio.sleep(0.05)

    report = told.result().report
    assert report.execution_id in [one.execution_id for one in reports]
    assert report.result is None


# --- changes ------------------------------------------------------------------------------------------------------


async def test_settings_are_set_replaced_tried_confirmed_and_restored(kit: Kit) -> None:
    console = kit.console

    def retries(view: Any) -> Any:
        return next(setting.value for setting in view.settings if setting.key == "engine.max_retries")

    assert retries(await console.set_config("engine.max_retries", 3)) == 3
    text, revision = await console.config_text()
    changed = text.replace("max_retries = 3", "max_retries = 4")
    view = await console.replace_config(changed, revision=revision, reason="try", confirm_within_s=60.0)
    assert retries(view) == 4
    assert view.trial is not None
    assert (await console.confirm_config()).trial is None
    with pytest.raises(Conflict):
        await console.replace_config(text, revision=revision, reason="too late")
    versions = await console.config_history()
    back = next(version for version in versions if version.reason != "try" and version.valid)
    assert retries(await console.restore_config(back.id)) != 4
    assert retries(await console.set_config("engine.max_retries", None)) == 5


async def test_providers_and_plugins_are_switched(kit: Kit) -> None:
    assert not (await kit.console.set_provider_enabled("deepl", enabled=False)).enabled
    assert (await kit.console.set_provider_enabled("deepl", enabled=True)).enabled
    view = await kit.console.set_plugin_enabled("translation", enabled=False)
    disabled = next(setting.value for setting in view.settings if setting.key == "plugins.disabled")
    assert list(disabled) == ["translation"]


async def test_tokens_are_issued_renewed_revoked_and_their_key_changed(kit: Kit) -> None:
    console = kit.console

    issued = await console.issue_token("bob", role="admin", ttl_ms=60_000)
    renewed = await console.renew_token(Secret(issued.token))

    assert renewed.token != issued.token
    assert {issued.id, renewed.id} <= {view.id for view in await console.tokens()}
    assert await console.revoke_token(issued.id)
    with pytest.raises(ConsoleError) as caught:
        await console.renew_token(Secret(renewed.token))
    assert caught.value.code == "unauthenticated"
    assert await console.rotate_token_keys() == 0


# --- errors -------------------------------------------------------------------------------------------------------


async def test_what_is_not_there_is_said_to_be_so(kit: Kit) -> None:
    console, nothing = kit.console, "0" * 26
    for call in (
        console.provider("nobody"),
        console.execution(nothing),
        console.analytics("nobody"),
        console.acknowledge_alert(nothing),
        console.snooze_alert(nothing, for_s=60.0),
        console.test_secret("NOBODY_KEY"),
        console.adopt_provider("nobody", base_url=None, credential=None),
    ):
        with pytest.raises(BadRequest) as caught:
            await call
        assert caught.value.code in ("not_found", "bad_request")
    with pytest.raises(NotFound):
        await console.provider("nobody")
    with pytest.raises(BadRequest):
        await console.repeat(nothing)


@pytest.mark.parametrize(
    ("kind", "payload", "options", "field"),
    [
        ("transalte", HOUSE, {}, "operation"),
        ("translate", {**HOUSE, "txet": "x"}, {}, "txet"),
        ("translate", {**HOUSE, "text": ""}, {}, "text"),
        ("translate", HOUSE, {"providers": ("nobody",)}, "providers"),
        ("translate", HOUSE, {"hurry": True}, "hurry"),
    ],
)
async def test_a_wrong_operation_names_its_field(
    kit: Kit, kind: str, payload: Mapping[str, Any], options: Mapping[str, Any], field: str
) -> None:
    with pytest.raises(BadRequest) as caught:
        await kit.console.operation(kind, payload, options=options)

    assert caught.value.field == field


async def test_a_failure_brings_its_report(kit: Kit) -> None:
    kit.fail(Fault("status", status=500))
    operation = await kit.house(policy=RetryPolicy(attempts=1))

    with pytest.raises(OperationFailed) as caught:
        await kit.console.execute(operation)

    assert type(caught.value) is OperationFailed
    assert {attempt.provider for attempt in caught.value.report.attempts} >= {"deepl", "libretranslate"}


async def test_nobody_to_ask_brings_the_reasons(kit: Kit) -> None:
    operation = await kit.house(providers=("deepl",))
    await kit.console.set_provider_enabled("deepl", enabled=False)

    with pytest.raises(NoProvider) as caught:
        await kit.console.execute(operation)

    assert caught.value.report.excluded


async def test_a_wrong_configuration_says_all_that_is_wrong(kit: Kit) -> None:
    with pytest.raises(ConfigurationInvalid) as caught:
        await kit.console.validate_config("[engine]\nmax_retries = -1\n[health]\nhealth_check_interval = 1\n")

    assert len(caught.value.problems) == 2


async def test_without_a_keyring_no_secret_is_kept_and_none_is_repeated(kit: Kit) -> None:
    with pytest.raises(SecretRefused) as caught:
        await kit.console.set_secret("SOME_API_KEY", Secret("sk-never-to-be-seen"))

    assert "sk-never" not in caught.value.message
    with pytest.raises(SecretRefused):
        await kit.console.delete_secret("SOME_API_KEY")


async def _first(events: AsyncIterator[Event], kind: type[Any]) -> Any:
    async for event in events:
        if isinstance(event, kind):
            return event
    raise AssertionError(f"the events ended without {kind.__name__}")


async def _ends_badly(execution: Any) -> OperationFailed:
    with pytest.raises(OperationFailed) as caught:
        await execution
    return caught.value


def _closable(items: AsyncIterator[Any]) -> Any:
    """The interface promises an iterator; what stands behind it is a generator, which can be closed."""
    return items
