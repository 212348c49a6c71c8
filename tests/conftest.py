"""What every test gets: a clean home, loopback only, a limit of 20 seconds, and word of missing counterparts."""

from __future__ import annotations

import faulthandler
import gc
import importlib.util
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import hypothesis
import pytest


def _module(name: str, path: str) -> ModuleType:
    """A module beside this file by its path: a conftest cannot rely on the tests being importable."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


collect_ignore = ["counterparts/apertium_loopback.py", "e2e/loopback_guard/sitecustomize.py"]
"""No modules of the tests, though --doctest-modules would import them: they belong to other processes."""

LIMIT_S = 20.0
"""How long a test may take where it has no `limit` mark; `PROVIDER_CONSOLE_TEST_LIMIT_S` sets another, 0 none."""

_OURS = ("PROVIDER_CONSOLE__", "PROVIDER_INTEGRATION_")
_KEYS = ("_API_KEY", "_AUTH_KEY", "_API_TOKEN", "_PROXY", "_proxy")

if str(Path(__file__).parent.parent) not in sys.path:
    # Modules of the tests are `tests.…` to each other, whichever way pytest was started.
    sys.path.insert(0, str(Path(__file__).parent.parent))

loopback_guard = _module("provider_console_tests_loopback_guard", "e2e/loopback_guard/sitecustomize.py")
presence = _module("provider_console_tests_presence", "counterparts/presence.py")


def pytest_configure(config: pytest.Config) -> None:
    """Say what the marks of this file mean, and that no property fails because the machine is busy."""
    hypothesis.settings.register_profile(
        "busy", hypothesis.settings(), deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
    )
    hypothesis.settings.load_profile("busy")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell ignores it for what it starts in the background, and so would every program that is interrupted here.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "limit(seconds): this test may take longer than the 20 seconds of the others")


# --- a run that uses the machine -----------------------------------------------------------------------------------


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """Three workers for two cores: a good third of the time a test waits for a process, a timer or an idle app."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ or not hasattr(os, "sched_getaffinity"):
        return None  # what xdist makes of it
    cores = len(os.sched_getaffinity(0))
    return cores + (cores + 1) // 2


def pytest_collection_finish() -> None:
    """Leave what is loaded by now out of every later collection: it stays, and a full pass took a third of a second."""
    gc.collect()
    gc.freeze()


# --- a clean home --------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def clean_home(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of the test's own, none of the developer's keys, settings or proxies, and no keyring."""
    home = tmp_path_factory.mktemp("home")
    for name in list(os.environ):
        if name.startswith(_OURS) or name.endswith(_KEYS):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PROVIDER_CONSOLE_HOME", str(home))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    return home


@pytest.fixture(autouse=True)
def quiet_log() -> Iterator[None]:
    """Give the console's logger back as it was: a console that a test opened sends it to a file of its home."""
    root = logging.getLogger("provider_console")
    handlers, propagate, level = list(root.handlers), root.propagate, root.level
    yield
    for handler in [handler for handler in root.handlers if handler not in handlers]:
        root.removeHandler(handler)
        handler.close()
    root.propagate = propagate
    root.setLevel(level)


# --- loopback only -------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def loopback_only() -> Iterator[None]:
    """Fail the test that reached for another machine, also where the code under test caught the refusal."""
    before = len(loopback_guard.refused)
    yield
    outside = loopback_guard.refused[before:]
    assert not outside, f"tests stay on loopback, but this one reached for {', '.join(outside)}"


# --- 20 seconds a test ---------------------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """End a test that takes too long, with the stack of every thread. While it waits for a core, its time stands."""
    mark = item.get_closest_marker("limit")
    limit_s = float(os.environ.get("PROVIDER_CONSOLE_TEST_LIMIT_S") or (mark.args[0] if mark else LIMIT_S))
    if not limit_s or threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGALRM"):
        return (yield)

    began_s, starved_s = time.monotonic(), _starved_s()

    def over(_number: int, _frame: object) -> None:
        left_s = limit_s + (_starved_s() - starved_s) - (time.monotonic() - began_s)
        if left_s > 0.0:
            signal.setitimer(signal.ITIMER_REAL, left_s + 0.1, 1.0)
            return
        faulthandler.dump_traceback(file=sys.__stderr__)
        pytest.fail(f"{item.nodeid} took over {limit_s:g} s; the stacks are on stderr", pytrace=False)

    before = signal.signal(signal.SIGALRM, over)
    # Again every second: where the first one struck a background task, the test itself goes on.
    signal.setitimer(signal.ITIMER_REAL, limit_s, 1.0)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def _starved_s() -> float:
    """For how long this process could have run by now and got no core; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/schedstat").read_text("ascii").split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


# --- counterparts --------------------------------------------------------------------------------------------------


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose counterpart is not on this machine; `pytest_runtest_makereport` makes it a failure on CI."""
    names = [str(name) for mark in item.iter_markers("counterpart") for name in mark.args]
    reason = presence.why_not(names)
    if reason is not None:
        pytest.skip(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """On CI a missing counterpart is a failure: there nobody reads the notice at the end."""
    report = yield
    reason = _missing(report)
    if reason is not None and presence.required():
        report.outcome = "failed"
        report.longrepr = reason
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List the tests that could not run for want of a counterpart, and why; works for xdist's controller too."""
    reports = [
        report
        for outcome in ("skipped", "failed", "error")
        for report in terminalreporter.stats.get(outcome, [])
        if _missing(report) is not None
    ]
    if not reports:
        return
    terminalreporter.section("counterparts missing", sep="!", red=True, bold=True)
    terminalreporter.line(f"{len(reports)} tests against real programs could not run:")
    for reason in sorted({str(_missing(report)) for report in reports}):
        terminalreporter.line(f"  {reason.removeprefix(presence.PREFIX)}")
        for node in sorted(report.nodeid for report in reports if _missing(report) == reason):
            terminalreporter.line(f"    {node}")


def _missing(report: Any) -> str | None:
    """The reason of a test that a missing counterpart kept from running, else None."""
    told = getattr(report, "longrepr", None)
    words = told[2].removeprefix("Skipped: ") if isinstance(told, tuple) else told
    return words if isinstance(words, str) and words.startswith(presence.PREFIX) else None


@pytest.fixture(scope="session")
def apertium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base address of a real Apertium, one for each process of the run; mark the test `counterpart("apertium")`."""
    server = _module("provider_console_tests_apertium", "counterparts/apertium.py")
    with server.apertium_server(tmp_path_factory.mktemp("apertium")) as base_url:
        yield base_url
