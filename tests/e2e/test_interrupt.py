"""Ctrl-C and a closed pipe, in every phase: the records are written, the exit code says so, and no traceback."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator

import pytest
from tests.e2e.home import PROGRAM, Finished, Home, clean_stderr, deepl, translation

from provider_console.sandbox import Fault, OpenAISandbox, Server, serve_in_thread

# Each of these tests starts several processes, and a busy machine takes its time for that.
pytestmark = pytest.mark.limit(60)

HOUSE = ("execute", "translate", "--from", "en", "--to", "es", "--text", "The house is red.")


def interrupted(home: Home, finished: Finished, *, attempts: list[tuple[str, int]]) -> None:
    """Exit code 130, one sentence, and an execution with its attempts and both of its audit rows on record."""
    assert finished.code == 130, finished
    assert "interrupted" in clean_stderr(finished)[-1]
    assert [row["status"] for row in home.executions()] == ["cancelled"]
    assert [(row["provider"], row["attempt"]) for row in home.attempts()] == attempts
    audited = [(action.removesuffix("_stream"), phase) for action, phase, _ in home.audited()]
    assert audited == [("execute", "intent"), ("execute", "outcome")]


def test_ctrl_c_in_a_call_writes_its_records(home: Home, deepl_server: Server) -> None:
    home.configure(translation({"primary": deepl(deepl_server.base_url)}))
    deepl_server.faults.set(Fault("hang"), on="work")

    finished = home.interrupt(*HOUSE, once=lambda _: deepl_server.count("/v2/translate") == 1)

    interrupted(home, finished, attempts=[("primary", 1)])


def test_ctrl_c_in_a_delay_writes_its_records(home: Home, deepl_server: Server) -> None:
    home.configure(translation({"primary": deepl(deepl_server.base_url)}))
    deepl_server.faults.set(Fault("status", status=503, retry_after="20"), on="work")

    finished = home.interrupt(*HOUSE, once=lambda _: deepl_server.count("/v2/translate", status=503) == 1)

    interrupted(home, finished, attempts=[("primary", 1)])


@pytest.fixture
def slow_stream(home: Home) -> Iterator[Server]:
    with serve_in_thread(OpenAISandbox(gap_s=0.5)) as server:
        table = {
            "driver": "openai",
            "credential": "PRIMARY_KEY",
            "base_url": server.base_url,
            "network": "loopback",
            "models": ["gpt-5-mini"],
            "capabilities": ["text_generation"],
        }
        home.configure({"dynamic_ai": {"discover_local": False, "providers": {"openai": table}}})
        yield server


def test_ctrl_c_in_a_stream_keeps_what_was_said_and_writes_its_records(home: Home, slow_stream: Server) -> None:
    finished = home.interrupt(
        "execute", "chat", "--text", "Why is the sky blue?", "--stream", once=lambda running: bool(running.out.strip())
    )

    interrupted_stream = finished.out
    assert interrupted_stream.strip()
    interrupted(home, finished, attempts=[("openai", 1)])


STARTING = (
    "asyncio",
    "concurrent.futures",
    "ssl",
    "msgspec",
    "provider_console.cli.program",
    "provider_console.cli.progress",
    "provider_console.bootstrap",
    "provider_console.adapters.sqlite",
    "aiosqlite",
    "keyring",
    "provider_console_translation.apertium",
    "aiohttp",
)
"""Modules in the order in which the program comes to them, the last ones in its event loop."""


@pytest.mark.parametrize("module", STARTING)
def test_ctrl_c_while_it_starts_ends_it_without_a_traceback(home: Home, deepl_server: Server, module: str) -> None:
    home.configure(translation({"primary": deepl(deepl_server.base_url)}))
    deepl_server.faults.set(Fault("hang"))

    finished = home.run(*HOUSE, environ={"PROVIDER_CONSOLE_TESTS_INTERRUPT_AT": module})

    assert (finished.code, finished.out) == (130, ""), finished
    assert "interrupted" in clean_stderr(finished)[-1]
    assert [row for row in home.executions() if row["status"] is None] == []


def test_a_second_ctrl_c_does_not_lose_the_records(home: Home, deepl_server: Server) -> None:
    home.configure(translation({"primary": deepl(deepl_server.base_url)}))
    deepl_server.faults.set(Fault("hang"), on="work")

    with home.started(*HOUSE) as running:
        running.wait_until(lambda _: deepl_server.count("/v2/translate") == 1)
        for _ in range(5):
            running.process.send_signal(signal.SIGINT)
        finished = running.finish()

    interrupted(home, finished, attempts=[("primary", 1)])


def test_a_terminated_command_writes_its_records_too(home: Home, deepl_server: Server) -> None:
    home.configure(translation({"primary": deepl(deepl_server.base_url)}))
    deepl_server.faults.set(Fault("hang"), on="work")

    with home.started(*HOUSE) as running:
        running.wait_until(lambda _: deepl_server.count("/v2/translate") == 1)
        running.process.terminate()
        finished = running.finish()

    interrupted(home, finished, attempts=[("primary", 1)])


def test_a_killed_command_is_found_by_the_next_one(home: Home, deepl_server: Server) -> None:
    home.configure(translation({"primary": deepl(deepl_server.base_url)}))
    deepl_server.faults.set(Fault("hang"), on="work")

    with home.started(*HOUSE) as running:
        running.wait_until(lambda _: deepl_server.count("/v2/translate") == 1 and bool(home.executions()))
        running.process.kill()
        running.finish()
    finished = home.run("health")

    assert finished.code == 0, finished
    assert "unknown_crashed" in finished.err
    assert [row["status"] for row in home.executions()] == ["unknown_crashed"]


@pytest.mark.parametrize("arguments", [("config", "show"), ("config", "show", "--json"), (*HOUSE, "--json")])
def test_a_reader_that_leaves_ends_the_command_quietly(
    home: Home, deepl_server: Server, arguments: tuple[str, ...]
) -> None:
    home.configure(translation({"primary": deepl(deepl_server.base_url)}))
    finished = home.run_unread(*arguments)
    assert finished.code == 0, finished
    clean_stderr(finished)
    assert [row["status"] for row in home.executions()] == (["ok"] if arguments[0] == "execute" else [])


def test_a_closed_standard_error_does_not_change_the_answer(home: Home, deepl_server: Server) -> None:
    home.configure(translation({"primary": deepl(deepl_server.base_url)}))

    ended = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" 2>&-', "sh", str(PROGRAM), *HOUSE],
        env=home.environ,
        stdout=subprocess.PIPE,
        timeout=60,
        check=False,
    )

    assert (ended.returncode, ended.stdout.decode()) == (0, "La casa es roja.\n")
