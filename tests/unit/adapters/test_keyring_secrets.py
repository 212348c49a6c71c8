"""Credentials from keyrings that work, refuse, hang or are none."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping

import pytest
from keyring.errors import KeyringLocked, PasswordSetError
from tests.unit.adapters.hand_clock import HandClock

from provider_console.adapters.keyring_backend import Choice, first_fit
from provider_console.adapters.keyring_secrets import MOST_STUCK, RETRY_S, KeyringSecrets
from provider_console.core.ports.secrets import SecretsUnavailable
from provider_console.core.ports.store import StoreUnavailable
from provider_console.sdk.secret import Secret

CANARY = "canary-4711-value"


class Index:
    def __init__(self) -> None:
        self.rows: dict[str, tuple[str, float, float | None]] = {}
        self.writes = 0
        self.full = False

    async def secret_names(self) -> Mapping[str, tuple[str, float, float | None]]:
        return self.rows

    async def secret_stored(self, name: str, backend: str, at: float) -> None:
        self.rows[name] = (backend, at, None)

    async def secret_used(self, name: str, at: float) -> None:
        if self.full:
            raise StoreUnavailable("console.db: the disk is full")
        self.writes += 1
        if name in self.rows:
            self.rows[name] = (*self.rows[name][:2], at)

    async def secret_removed(self, name: str) -> None:
        self.rows.pop(name, None)


class BrokenIndex(Index):
    async def secret_names(self) -> Mapping[str, tuple[str, float, float | None]]:
        raise StoreUnavailable("console.db cannot be read")


class InMemory:
    """A keyring that works. Not a `KeyringBackend`: those enter the library's own list by being defined."""

    priority: float = 5

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], str] = {}
        self.reads = 0
        self.threads: set[str] = set()

    def get_password(self, service: str, username: str) -> str | None:
        self.reads += 1
        self.threads.add(threading.current_thread().name)
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.entries[service, username]


class Forgetful(InMemory):
    def set_password(self, service: str, username: str, password: str) -> None:
        pass


class Failing(InMemory):
    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def get_password(self, service: str, username: str) -> str | None:
        raise self.error

    def set_password(self, service: str, username: str, password: str) -> None:
        raise self.error


class Hanging(InMemory):
    """Answers when released, like a keyring that shows a window asking for its password."""

    def __init__(self) -> None:
        super().__init__()
        self.released = threading.Event()
        self.calls = 0

    def get_password(self, service: str, username: str) -> str | None:
        self.calls += 1
        self.released.wait()
        return super().get_password(service, username)


class Weak(InMemory):
    priority = 0.5


class NotHere(InMemory):
    @property
    def priority(self) -> float:  # type: ignore[override]
        raise RuntimeError("no such system")


class World:
    """A store and everything it stands on."""

    def __init__(
        self, keyring: InMemory | None, *, environ: Mapping[str, str] | None = None, limit_s: float = 5.0
    ) -> None:
        self.keyring = keyring
        self.clock = HandClock()
        self.index = Index()
        self.told: list[str] = []
        self.chosen = 0
        self.store = KeyringSecrets(
            index=self.index,
            clock=self.clock,
            environ=environ or {},
            on_loaded=lambda secret: self.told.append(secret.reveal()),
            limit_s=limit_s,
            choose=self.choose,
        )

    def choose(self) -> Choice:
        self.chosen += 1
        return Choice("Test", self.keyring, "" if self.keyring else "there is no keyring: start one")


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    keyring = Hanging()
    yield keyring
    keyring.released.set()
    for thread in threading.enumerate():
        if thread.name.startswith("keyring:"):
            thread.join(10)


async def test_what_is_stored_is_read_listed_and_deleted() -> None:
    world = World(InMemory())

    await world.store.set("OPENAI_API_KEY", Secret(CANARY))
    world.store.forget()
    read = await world.store.get("OPENAI_API_KEY")
    names = await world.store.names()
    deleted = [await world.store.delete("OPENAI_API_KEY") for _ in range(2)]

    assert read == Secret(CANARY)
    assert names == ("OPENAI_API_KEY",)
    assert deleted == [True, False]
    assert await world.store.get("OPENAI_API_KEY") is None
    assert await world.store.names() == ()


async def test_a_cached_value_never_touches_the_keyring() -> None:
    keyring = InMemory()
    keyring.entries["provider-console", "KEY"] = CANARY
    world = World(keyring)

    before = world.store.cached("KEY")
    await world.store.get("KEY")
    reads = keyring.reads
    for _ in range(50):
        assert await world.store.get("KEY") == Secret(CANARY)
    world.store.forget("KEY")

    assert before is None
    assert (reads, keyring.reads) == (1, 1)
    assert world.store.cached("KEY") is None


async def test_the_keyring_is_touched_in_its_own_thread_only() -> None:
    keyring = InMemory()
    world = World(keyring)

    await world.store.set("KEY", Secret(CANARY))
    await world.store.get("OTHER")

    assert keyring.threads == {"keyring: storing KEY", "keyring: reading OTHER"}


async def test_every_value_is_told_before_it_is_handed_out() -> None:
    keyring = InMemory()
    keyring.entries["provider-console", "ONE"] = "value-one"
    world = World(keyring, environ={"TWO": "value-two"})

    await world.store.get("ONE")
    await world.store.get("TWO")
    await world.store.set("THREE", Secret("value-three"))
    key = await world.store.audit_key()

    assert key is not None
    assert world.told == ["value-one", "value-two", "value-three", key.hex()]


async def test_the_keyring_comes_before_the_environment() -> None:
    keyring = InMemory()
    keyring.entries["provider-console", "BOTH"] = "from keyring"
    world = World(keyring, environ={"BOTH": "from environment", "ONLY": "here", "EMPTY": ""})

    both, only, empty = [await world.store.info(name) for name in ("BOTH", "ONLY", "EMPTY")]

    assert (both.present, both.backend) == (True, "keyring")
    assert (only.present, only.backend) == (True, "environment")
    assert (empty.present, empty.backend) == (False, None)


async def test_without_a_keyring_the_environment_is_read_and_nothing_is_stored() -> None:
    world = World(None, environ={"KEY": CANARY})

    read = await world.store.get("KEY")
    with pytest.raises(SecretsUnavailable, match="there is no keyring: start one"):
        await world.store.set("KEY", Secret("other"))
    with pytest.raises(SecretsUnavailable):
        await world.store.delete("KEY")
    backend = await world.store.backend()

    assert read == Secret(CANARY)
    assert (backend.usable, backend.reason) == (False, "there is no keyring: start one")
    assert await world.store.audit_key() is None
    assert world.chosen == 1


async def test_ages_are_told_in_seconds() -> None:
    world = World(InMemory())
    await world.store.set("KEY", Secret(CANARY))
    world.clock.now += 100
    world.store.used("KEY")
    world.clock.now += 20

    info = await world.store.info("KEY")

    assert (info.age_s, info.last_success_age_s) == (120, 20)


async def test_successes_are_written_by_flush_the_last_one_of_each() -> None:
    world = World(InMemory())
    await world.store.set("KEY", Secret(CANARY))
    for _ in range(100):
        world.clock.now += 1
        world.store.used("KEY")
    before = world.index.writes

    await world.store.flush()
    await world.store.flush()

    assert (before, world.index.writes) == (0, 1)
    assert world.index.rows["KEY"] == ("Test", 1000.0, 1100.0)


async def test_a_success_that_could_not_be_written_is_written_later() -> None:
    world = World(InMemory())
    await world.store.set("KEY", Secret(CANARY))
    world.store.used("KEY")
    world.index.full = True
    with pytest.raises(StoreUnavailable):
        await world.store.flush()
    world.index.full = False

    await world.store.flush()

    assert world.index.rows["KEY"][2] == 1000.0


async def test_a_new_value_has_not_proved_itself() -> None:
    world = World(InMemory())
    await world.store.set("KEY", Secret(CANARY))
    world.store.used("KEY")

    await world.store.set("KEY", Secret("another"))
    await world.store.flush()

    assert (await world.store.info("KEY")).last_success_age_s is None


async def test_presence_is_known_even_where_the_index_cannot_be_read() -> None:
    store = KeyringSecrets(
        index=BrokenIndex(),
        clock=HandClock(),
        environ={"KEY": CANARY},
        on_loaded=lambda _: None,
        choose=lambda: Choice("Test", InMemory()),
    )

    assert (await store.info("KEY")).present


async def test_the_audit_key_is_made_once_and_no_credential_can_be_it() -> None:
    keyring = InMemory()

    keys = [await World(keyring).store.audit_key() for _ in range(2)]

    assert keys[0] == keys[1]
    assert keys[0] is not None
    assert len(keys[0]) == 32
    with pytest.raises(ValueError, match="capital letters"):
        await World(keyring).store.set("audit-key", Secret("x"))


async def test_a_spoilt_audit_key_is_not_replaced() -> None:
    keyring = InMemory()
    keyring.entries["provider-console", "audit-key"] = "short"

    assert await World(keyring).store.audit_key() is None
    assert keyring.entries["provider-console", "audit-key"] == "short"


async def test_a_keyring_that_forgets_is_found_out() -> None:
    with pytest.raises(SecretsUnavailable, match="does not give it back"):
        await World(Forgetful()).store.set("KEY", Secret(CANARY))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyringLocked(CANARY), "storing KEY: the keyring is locked; unlock it and try again"),
        (PasswordSetError(CANARY), "storing KEY: the keyring refused to store it"),
        (ConnectionRefusedError(CANARY), "storing KEY: D-Bus cannot be reached; is the session still there?"),
        (
            type("PromptDismissedException", (Exception,), {})(CANARY),
            "storing KEY: the keyring's question for its password was dismissed; try again and answer it",
        ),
        (
            ZeroDivisionError(CANARY),
            "storing KEY: the keyring failed (ZeroDivisionError); look at it with its own tool",
        ),
        (SystemExit(CANARY), "storing KEY: the keyring failed (SystemExit); look at it with its own tool"),
    ],
)
async def test_a_failing_keyring_is_named_by_what_to_do(
    error: BaseException, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(Failing(error), environ={"KEY": "from environment"})

    with pytest.raises(SecretsUnavailable) as caught:
        await world.store.set("KEY", Secret(CANARY))

    assert str(caught.value) == said
    assert await world.store.get("KEY") == Secret("from environment")
    assert CANARY not in caplog.text


async def test_a_hanging_keyring_counts_as_absent_and_is_left_alone_for_a_while(hanging: Hanging) -> None:
    world = World(hanging, limit_s=0.05)

    first = await world.store.get("KEY")
    calls_after_first = hanging.calls
    others = [await world.store.get("KEY") for _ in range(20)]

    assert first is None
    assert others == [None] * 20
    assert (calls_after_first, hanging.calls) == (1, 1)


async def test_a_hanging_keyring_says_what_it_may_wait_for(hanging: Hanging) -> None:
    with pytest.raises(SecretsUnavailable, match=r"did not answer within 0\.05 s; it may be waiting for its password"):
        await World(hanging, limit_s=0.05).store.delete("KEY")


async def test_a_keyring_that_came_back_is_used_again(hanging: Hanging) -> None:
    hanging.entries["provider-console", "KEY"] = CANARY
    world = World(hanging, limit_s=0.05)
    await world.store.get("KEY")

    hanging.released.set()
    for thread in threading.enumerate():
        if thread.name.startswith("keyring:"):
            await asyncio.to_thread(thread.join, 10)

    assert await world.store.get("KEY") == Secret(CANARY)


async def test_no_more_than_a_few_threads_are_ever_left_behind(hanging: Hanging) -> None:
    world = World(hanging, limit_s=0.05)

    for _ in range(MOST_STUCK + 5):
        await world.store.get("KEY")
        world.clock.now += RETRY_S + 1

    assert hanging.calls == MOST_STUCK


async def test_a_cancelled_caller_is_cancelled_at_once(hanging: Hanging) -> None:
    world = World(hanging)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await world.store.get("KEY")

    assert world.store.cached("KEY") is None


def test_a_hanging_keyring_does_not_hold_up_the_end_of_the_program() -> None:
    script = """
import asyncio, threading
from provider_console.adapters.keyring_secrets import KeyringSecrets
from provider_console.adapters.keyring_backend import Choice

class Clock:
    def monotonic(self): return 0.0
    def wall(self): return 0.0

class Hanging:
    def get_password(self, service, username): threading.Event().wait()

store = KeyringSecrets(index=None, clock=Clock(), environ={}, on_loaded=print, limit_s=0.05,
                       choose=lambda: Choice("Hanging", Hanging()))
print(asyncio.run(store.get("KEY")))
"""
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=20, check=False)

    assert (finished.returncode, finished.stdout) == (0, "None\n"), finished.stderr


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("key", CANARY, "a credential's name has capital letters"),
        ("1KEY", CANARY, "a credential's name has capital letters"),
        ("K" * 129, CANARY, "a credential's name has capital letters"),
        ("KEY\n", CANARY, "a credential's name has capital letters"),
        ("KEY", "", "1 to 8192 characters, not 0"),
        ("KEY", "x" * 8193, "1 to 8192 characters, not 8193"),
        ("KEY", f"{CANARY}\n", "no control characters"),
        ("KEY", f"{CANARY}\x1b[31m", "no control characters"),
        ("KEY", f"{CANARY}\udcff", "bytes that are not"),
    ],
)
async def test_what_is_no_credential_is_refused_without_repeating_it(name: str, value: str, said: str) -> None:
    keyring = InMemory()

    with pytest.raises(ValueError, match=said) as caught:
        await World(keyring).store.set(name, Secret(value))

    assert CANARY not in str(caught.value)
    assert keyring.entries == {}


async def test_a_spoilt_value_in_the_environment_is_not_used(caplog: pytest.LogCaptureFixture) -> None:
    world = World(InMemory(), environ={"KEY": f"{CANARY}\r\nX-Injected: 1"})

    assert await world.store.get("KEY") is None
    assert "KEY in the environment is not used" in caplog.text
    assert CANARY not in caplog.text


def of_module(module: str) -> Callable[[], InMemory]:
    return type("Keyring", (InMemory,), {"__module__": module})


@pytest.mark.parametrize(
    ("candidate", "why"),
    [
        (of_module("keyring.backends.null"), "it forgets everything"),
        (of_module("keyring.backends.fail"), "there is no keyring"),
        (of_module("keyrings.alt.file"), "in plain text"),
        (of_module("keyrings.alt"), "in plain text"),
        (Weak, "does not recommend it"),
        (NotHere, "does not work on this machine"),
    ],
)
def test_a_keyring_that_is_not_fit_is_refused_with_the_reason(candidate: Callable[[], InMemory], why: str) -> None:
    choice = first_fit([candidate()])

    assert choice.keyring is None
    assert why in choice.reason
    assert "credentials are read from environment variables of their names" in choice.reason


def test_a_descendant_of_a_refused_keyring_is_refused_too() -> None:
    parent = of_module("keyrings.alt.file")
    child = type("Mine", (parent,), {"__module__": "mine"})  # type: ignore[misc]

    assert first_fit([child()]).keyring is None


def test_the_first_fit_keyring_of_a_chain_is_taken() -> None:
    good = InMemory()

    choice = first_fit([Weak(), good, InMemory()])

    assert choice.keyring is good


def test_keyring_is_not_imported_before_it_is_needed() -> None:
    script = (
        "import sys, provider_console.adapters.keyring_secrets;"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'keyring', 'secretstorage', 'jeepney'}))"
    )

    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=20, check=True).stdout

    assert said == "[]\n"
