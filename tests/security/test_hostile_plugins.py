"""Hostile plugins, installed beside good ones: each is put aside with its reason, and the rest goes on.

All of them are installed at once, as packages with metadata of their own, and loaded in one child process: it has
to end by itself with every plugin accounted for. `os._exit`, a segmentation fault and writing to file descriptors
are left out: code in this process is not in a sandbox, and the documentation says so.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

GUARD = Path(__file__).parents[1] / "loopback_guard"

PREAMBLE = '''
import asyncio, sys, threading, time
from pathlib import Path
import msgspec
from provider_console.sdk import *

class GoodSource(Source):
    name = NAME
    async def discover(self):
        return ()

class GoodDriver(Driver):
    name = NAME
    title = "A driver"
    categories = ("ai",)
    credential = "none"
    capabilities = ()
    rungs = (Rung(name="reach", proves="it runs"),)
    async def call(self, call):
        return Result(value={})
    async def probe(self, call):
        return ProbeResult(rung="reach")

class GoodKind(OperationKind):
    name = NAME
    title = "A kind"
    category = "ai"
    fields = (Field(name="text", label="Text"),)

class GoodSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    value: int = 1

def hook(suffix, answer):
    """Implement a hook without arguments by a function."""
    def implementation():
        return answer()
    implementation.__name__ = "provider_console_" + suffix
    globals()[implementation.__name__] = hookimpl(implementation)

def one(suffix, thing):
    hook(suffix, lambda: (thing,))

def endless():
    while True:
        yield 1

class Endless(list):
    def __iter__(self):
        return endless()
    def __len__(self):
        return 1

class Evil(str):
    def __eq__(self, other): raise SystemExit("no")
    __hash__ = str.__hash__
'''


class Hostile(NamedTuple):
    """A plugin's source after the preamble, and a part of the reason that it is put aside with."""

    source: str
    reason: str


IMPORT = {
    "raises": Hostile("raise RuntimeError('broken on purpose')", "RuntimeError: broken on purpose"),
    "exits": Hostile("sys.exit(3)", "SystemExit: 3"),
    "exits_quietly": Hostile("raise SystemExit", "SystemExit"),
    "interrupts": Hostile("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "raises_base": Hostile("raise BaseException('all the way')", "BaseException: all the way"),
    "cancels": Hostile("raise asyncio.CancelledError", "CancelledError"),
    "generator_exit": Hostile("raise GeneratorExit", "GeneratorExit"),
    "stop_iteration": Hostile("raise StopIteration", "StopIteration"),
    "group": Hostile("raise BaseExceptionGroup('two', [SystemExit(1), KeyboardInterrupt()])", "BaseExceptionGroup"),
    "syntax": Hostile("def (", "SyntaxError"),
    "null_byte": Hostile("x = 1 \0", "null bytes"),
    "missing_module": Hostile("import there_is_no_such_module", "No module named 'there_is_no_such_module'"),
    "recursion": Hostile("def again(): again()\nagain()", "RecursionError"),
    "memory": Hostile("raise MemoryError", "MemoryError"),
    "imports_itself_away": Hostile("sys.modules[__name__] = None\nhook('settings', tuple)", "import of"),
    "hangs": Hostile("threading.Event().wait()", "did not end within"),
    "sleeps": Hostile("time.sleep(3600)", "did not end within"),
    "spins": Hostile("while True: pass", "did not end within"),
    "spins_and_swallows": Hostile(
        "while True:\n try:\n  while True: time.sleep(0.01)\n except BaseException: pass", "did not end within"
    ),
    "waits_for_a_lock": Hostile("lock = threading.Lock()\nlock.acquire()\nlock.acquire()", "did not end within"),
    "prints_for_ever": Hostile("while True: print('spam ' * 20)", "printed more than"),
    "prints_errors_for_ever": Hostile("while True: sys.stderr.write('spam ' * 20)", "printed more than"),
    "prints_bytes_for_ever": Hostile("while True: sys.stdout.buffer.write(b'spam ' * 20)", "printed more than"),
    "prints_and_swallows": Hostile(
        "while True:\n try: print('spam ' * 20)\n except BaseException: time.sleep(0.01)", "printed more than"
    ),
    "prints_once_too_much": Hostile("print('x' * 10_000_000)", "printed more than"),
    "prints_from_a_thread": Hostile(
        "def spam():\n while True: print('spam from a thread')\n"
        "threading.Thread(target=spam, daemon=True).start()\ntime.sleep(3600)",
        "printed more than",
    ),
    "reads_the_terminal": Hostile("input('password: ')", "EOFError"),
    "takes_stdout": Hostile("sys.stdout = sys.stderr = None\nraise ValueError('gone')", "ValueError: gone"),
    "closes_stdout": Hostile("sys.stdout.close()\nprint('into the void')", "closed file"),
    "silent_error": Hostile(
        "class Mute(Exception):\n def __str__(self): raise SystemExit('no words')\nraise Mute", "fails at saying"
    ),
    "hanging_error": Hostile(
        "class Slow(Exception):\n def __str__(self): threading.Event().wait()\nraise Slow", "did not end within"
    ),
    "long_error": Hostile("raise ValueError('word ' * 2_000_000)", "ValueError: word word"),
    "painted_error": Hostile(r"raise ValueError('\x1b[2J\x1b]0;owned\x07 \u202e here')", "here"),
    "named_error": Hostile(r"raise type('\x1b[31m' + 'X' * 5000, (Exception,), {})('odd')", "odd"),
    "signals": Hostile("import signal\nsignal.signal(signal.SIGINT, lambda *_: None)", "main thread"),
    "no_hooks": Hostile("x = 1", "implements no hook"),
    "misspelt": Hostile("hook('source', tuple)", "did you mean 'provider_console_sources'?"),
    "invented": Hostile("hook('mine_bitcoins', tuple)", "there is no hook provider_console_mine_bitcoins"),
    "unmarked": Hostile("def provider_console_drivers(): return ()", "not marked with @hookimpl"),
    "asks_for_more": Hostile("@hookimpl\ndef provider_console_sources(context, secrets): return ()", "'secrets'"),
    "async_hook": Hostile("@hookimpl\nasync def provider_console_sources(): return ()", "`async def`"),
    "wraps_others": Hostile(
        "@hookimpl(wrapper=True)\ndef provider_console_drivers():\n return (yield)", "is a wrapper around other plugins"
    ),
    "wraps_others_the_old_way": Hostile(
        "@hookimpl(hookwrapper=True)\ndef provider_console_drivers():\n yield", "is a wrapper around other plugins"
    ),
}

SETTINGS = {
    "settings_none": Hostile("hook('settings', lambda: None)", "returned None in place of"),
    "settings_text": Hostile("hook('settings', lambda: 'section')", "returned a str in place of"),
    "settings_coroutine": Hostile("async def later(): return ()\nhook('settings', later)", "returned a coroutine"),
    "settings_generator": Hostile("hook('settings', endless)", "returned a generator in place of"),
    "settings_endless": Hostile("hook('settings', Endless)", "more than 256"),
    "settings_wrong": Hostile("one('settings', {'name': 'x'})", "is not a SettingsSection"),
    "settings_raises": Hostile("hook('settings', lambda: 1 / 0)", "ZeroDivisionError"),
    "settings_hangs": Hostile("hook('settings', threading.Event().wait)", "did not end within"),
    "settings_no_struct": Hostile("one('settings', SettingsSection(name=NAME, type=dict))", "not a msgspec.Struct"),
    "settings_no_type": Hostile("one('settings', SettingsSection(name=NAME, type=7))", "not a msgspec.Struct"),
    "settings_mutable": Hostile(
        "class S(msgspec.Struct): x: int = 1\none('settings', SettingsSection(name=NAME, type=S))", "frozen=True"
    ),
    "settings_no_default": Hostile(
        "class S(msgspec.Struct, frozen=True, forbid_unknown_fields=True): x: int\n"
        "one('settings', SettingsSection(name=NAME, type=S))",
        "a default for each field",
    ),
    "settings_explode": Hostile(
        "class S(GoodSettings, frozen=True, forbid_unknown_fields=True):\n"
        " def __post_init__(self): raise SystemExit('boom')\none('settings', SettingsSection(name=NAME, type=S))",
        "SystemExit: boom",
    ),
    "settings_core": Hostile("one('settings', SettingsSection(name='access', type=GoodSettings))", "console's own"),
    "settings_taken": Hostile(
        "one('settings', SettingsSection(name='translation', type=GoodSettings))",
        "is taken by translation (provider-console",
    ),
    "settings_twice": Hostile(
        "s = SettingsSection(name=NAME, type=GoodSettings)\nhook('settings', lambda: [s, s])", "two"
    ),
    "settings_path": Hostile("one('settings', SettingsSection(name='../x', type=GoodSettings))", "use 1 to 64 of"),
}

SOURCES = {
    "sources_none": Hostile("hook('sources', lambda: None)", "returned None in place of"),
    "sources_mapping": Hostile("hook('sources', lambda: {'a': GoodSource()})", "returned a dict in place of"),
    "sources_bytes": Hostile("hook('sources', lambda: b'abc')", "returned a bytes in place of"),
    "sources_endless": Hostile("hook('sources', Endless)", "more than 256"),
    "sources_exit": Hostile("hook('sources', sys.exit)", "SystemExit"),
    "sources_hang": Hostile("hook('sources', threading.Event().wait)", "did not end within"),
    "sources_spin": Hostile("def spin():\n while True: pass\nhook('sources', spin)", "did not end within"),
    "sources_print": Hostile("def spam():\n while True: print('x' * 99)\nhook('sources', spam)", "printed more than"),
    "source_class": Hostile("one('sources', GoodSource)", "is a class; return an instance"),
    "source_object": Hostile("one('sources', object())", "it has no name"),
    "source_none": Hostile("one('sources', None)", "it has no name"),
    "source_bare": Hostile("class S: name = NAME\none('sources', S())", "no method discover"),
    "source_sync": Hostile(
        "class S(GoodSource):\n def discover(self): return ()\none('sources', S())", "not `async def`"
    ),
    "source_stream": Hostile(
        "class S(GoodSource):\n async def discover(self): yield 1\none('sources', S())", "async generator"
    ),
    "source_unwritten": Hostile("class S(Source): name = NAME\none('sources', S())", "has to write its own"),
    "source_arity": Hostile(
        "class S(GoodSource):\n async def discover(self, where): return ()\none('sources', S())", "arguments"
    ),
    "source_taken": Hostile(
        "class S(GoodSource): name = 'translation'\none('sources', S())", "the source translation of"
    ),
    "source_path": Hostile("class S(GoodSource): name = '../../etc'\none('sources', S())", "use 1 to 64 of"),
    "source_long": Hostile("class S(GoodSource): name = 'x' * 10_000_000\none('sources', S())", "use 1 to 64 of"),
    "source_number": Hostile("class S(GoodSource): name = 7\none('sources', S())", "an int in place of text"),
    "source_twice": Hostile("hook('sources', lambda: [GoodSource(), GoodSource()])", "two of the source"),
    "source_lying_name": Hostile(
        "class S(GoodSource): name = Evil('translation')\none('sources', S())", "does not fit"
    ),
    "source_property": Hostile(
        "class S(GoodSource):\n @property\n def name(self): raise SystemExit('peek')\none('sources', S())", "SystemExit"
    ),
    "source_thief": Hostile(
        "@hookimpl\ndef provider_console_sources(context):\n return context.credentials.get('OPENAI_API_KEY')",
        "AttributeError",
    ),
}

DRIVERS = {
    "driver_credential": Hostile("class D(GoodDriver): credential = 'always'\none('drivers', D())", "$.credential"),
    "driver_network": Hostile(
        "class D(GoodDriver): default_network = 'moon'\none('drivers', D())", "$.default_network"
    ),
    "driver_rungs": Hostile("class D(GoodDriver): rungs = ('reach',)\none('drivers', D())", "$.rungs"),
    "driver_rung_name": Hostile(
        "class D(GoodDriver): rungs = (Rung(name='moon', proves='x'),)\none('drivers', D())", "$.rungs"
    ),
    "driver_list": Hostile("class D(GoodDriver): categories = ['ai']\none('drivers', D())", "make it a tuple"),
    "driver_useless": Hostile("class D(GoodDriver): categories = ()\none('drivers', D())", "names no category"),
    "driver_title": Hostile("class D(GoodDriver): title = None\none('drivers', D())", "$.title"),
    "driver_limit": Hostile("class D(GoodDriver): max_characters = 0\none('drivers', D())", "is below 1"),
    "driver_sync": Hostile("class D(GoodDriver):\n def call(self, call): pass\none('drivers', D())", "not `async def`"),
    "driver_stream": Hostile(
        "class D(GoodDriver):\n async def call(self, call): yield 1\none('drivers', D())", "async generator"
    ),
    "driver_no_probe": Hostile("class D(GoodDriver): probe = None\none('drivers', D())", "no method probe"),
    "driver_unwritten": Hostile("class D(GoodDriver): probe = Driver.probe\none('drivers', D())", "write its own"),
    "driver_taken": Hostile("class D(GoodDriver): name = 'deepl'\none('drivers', D())", "the driver deepl of"),
    "driver_hanging": Hostile(
        "class D(GoodDriver):\n @property\n def title(self): threading.Event().wait()\none('drivers', D())",
        "did not end within",
    ),
}

OTHERS = {
    "kind_list": Hostile("class K(GoodKind): fields = []\none('operations', K())", "make it a tuple"),
    "kind_fields": Hostile("class K(GoodKind): fields = ({'name': 'x'},)\none('operations', K())", "$.fields"),
    "kind_field_type": Hostile(
        "class K(GoodKind): fields = (Field(name='x', label=7),)\none('operations', K())", "$.fields"
    ),
    "kind_twice": Hostile("class K(GoodKind): fields = GoodKind.fields * 2\none('operations', K())", "have one name"),
    "kind_category": Hostile("class K(GoodKind): category = 'A B'\none('operations', K())", "use 1 to 64 of"),
    "kind_async": Hostile(
        "class K(GoodKind):\n async def check(self, payload, result): pass\none('operations', K())", "a plain function"
    ),
    "kind_taken": Hostile(
        "class K(GoodKind): name = 'translate'\none('operations', K())", "the operation kind translate"
    ),
    "rankers_list": Hostile("hook('rankers', list)", "in place of a mapping"),
    "ranker_core": Hostile("hook('rankers', lambda: {'priority': min})", "console's own"),
    "ranker_text": Hostile("hook('rankers', lambda: {NAME: 'best'})", "in place of a plain function"),
    "themes_number": Hostile("one('themes', 7)", "is not a path"),
    "themes_endless": Hostile("hook('themes', Endless)", "more than 256"),
}

HOSTILE = {**IMPORT, **SETTINGS, **SOURCES, **DRIVERS, **OTHERS}

ENTRY_POINTS = {
    "no_such_attribute": ("hostile_good:nothing", "AttributeError"),
    "no_such_module": ("hostile_absent", "No module named"),
    "no_reference": ("not a module!", "AttributeError"),
    "a_number": ("hostile_good:NUMBER", "implements no hook"),
    "a_none": ("hostile_good:NOTHING", "in place of a module"),
    "a_trap": ("hostile_good:TRAP", "the directory is a trap"),
    "Bad.Name": ("hostile_good", "rename it in its pyproject.toml"),
}
"""Name -> what it refers to, and a part of the reason."""

LATE = {
    "late_classify": "@hookimpl\ndef provider_console_classify(error): raise SystemExit('late')",
    "late_classify_type": "@hookimpl\ndef provider_console_classify(error): return 'catastrophe'",
    "late_event": "@hookimpl\ndef provider_console_on_event(event): raise BaseException('late')",
    "late_event_async": "async def later(): pass\n@hookimpl\ndef provider_console_on_event(event): return later()",
    "late_ranker": "def rank(provider, *, score): raise SystemExit('late')\nhook('rankers', lambda: {NAME: rank})",
    "late_ranker_type": "hook('rankers', lambda: {NAME: lambda provider, score: 'first'})",
}
"""Plugins that load and misbehave afterwards."""

GOOD = (
    "NUMBER = 7\nNOTHING = None\nclass Trap:\n def __dir__(self): raise SystemExit('the directory is a trap')\n"
    "TRAP = Trap()\none('sources', GoodSource())\none('drivers', GoodDriver())\none('operations', GoodKind())\n"
    "one('settings', SettingsSection(name=NAME, type=GoodSettings))"
)

CHILD = """
import json, sys
import provider_console_translation, provider_console_dynamic_ai, provider_console_system_secrets
from provider_console.engine.plugins import discover
from provider_console.testing.fakes import FakeContext

troubles = []
registry = discover((), on_trouble=troubles.append, import_s=0.7, hook_s=0.7)
plugins = registry.start(lambda name: FakeContext(plugin=name))
for _ in range(2):
    classes = [classify(ValueError("x")) for classify in plugins.classify_hooks]
    plugins.notify("an event")
    ranks = {name: ranker(None, score=50.0) for name, ranker in plugins.rankers.items()}
print(json.dumps({
    "views": {f"{v.package}:{v.name}": [v.state, v.reason, v.traceback, v.problems] for v in plugins.views()},
    "sources": list(plugins.sources), "drivers": list(plugins.drivers), "kinds": list(plugins.kinds),
    "sections": [s.name for s in plugins.sections], "unloaded": sorted(plugins.unloaded_sections),
    "troubles": [[t.plugin, t.reason] for t in troubles], "problems": plugins.problems,
    "classes": classes, "ranks": ranks, "listens": plugins.listens,
}))
"""


def package(folder: Path, name: str, entry_points: str) -> None:
    """Metadata as an installer leaves it."""
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry_points)


def write_plugin(folder: Path, name: str, source: str) -> None:
    """A module with a package of its own."""
    (folder / f"hostile_{name}.py").write_text(f"NAME = {name!r}\n{PREAMBLE}\n{source}\n")
    package(folder, f"hostile-{name}", f"[provider_console.plugins]\n{name} = hostile_{name}\n")


class Outcome(NamedTuple):
    """What the child process said, and all that reached its terminal."""

    said: dict[str, Any]
    stderr: str

    def view(self, name: str) -> list[Any]:
        """State, reason, traceback and problems of a plugin."""
        return next(view for key, view in self.said["views"].items() if key == f"hostile-{name}:{name}")


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    folder = tmp_path_factory.mktemp("site")
    for name, hostile in HOSTILE.items():
        write_plugin(folder, name, hostile.source)
    for name, source in LATE.items():
        write_plugin(folder, name, source)
    write_plugin(folder, "good", GOOD)
    lines = "".join(f"{name} = {value}\n" for name, (value, _) in ENTRY_POINTS.items())
    package(folder, "hostile-points", f"[provider_console.plugins]\n{lines}")
    package(folder, "hostile-twin", "[provider_console.plugins]\ntranslation = hostile_good\n")
    package(folder, "hostile-metadata", "[provider_console.plugins]\nthis line is no entry point\n")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CHILD],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(GUARD)]), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    # One line and nothing else: whatever the plugins printed did not reach the terminal.
    return Outcome(json.loads(done.stdout), done.stderr)


def test_there_are_at_least_sixty():
    assert len(HOSTILE) + len(ENTRY_POINTS) >= 60


def test_nothing_that_plugins_print_reaches_the_terminal(outcome):
    assert outcome.stderr == ""


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_plugin_is_put_aside_with_its_reason(outcome, name):
    state, reason, _, _ = outcome.view(name)
    assert state == "quarantined"
    assert HOSTILE[name].reason in reason
    assert len(reason) <= 300
    assert reason.isprintable()
    assert [name, reason] in outcome.said["troubles"]


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_an_entry_point_that_leads_nowhere_is_put_aside_with_its_reason(outcome, name):
    state, reason, _, _ = outcome.said["views"][f"hostile-points:{name}"]
    assert state == "quarantined"
    assert ENTRY_POINTS[name][1] in reason


@pytest.mark.parametrize("name", LATE)
def test_an_implementation_that_fails_later_is_silenced_and_its_plugin_stays(outcome, name):
    state, _, _, problems = outcome.view(name)
    assert state == "loaded"
    assert len(problems) == 1
    assert "not called again" in problems[0]
    assert sum(plugin == name for plugin, _ in outcome.said["troubles"]) == 1


def test_what_was_silenced_answers_neutrally(outcome):
    assert not outcome.said["listens"]
    assert outcome.said["classes"] == []
    assert outcome.said["ranks"] == {"late_ranker": [-50.0], "late_ranker_type": [-50.0]}


@pytest.mark.parametrize("name", ["translation", "dynamic_ai", "system_secrets"])
def test_the_built_in_plugins_are_still_there(outcome, name):
    assert outcome.said["views"][f"provider-console:{name}"][:2] == ["loaded", None]
    assert name in outcome.said["sources"]


def test_a_good_third_party_plugin_is_still_there(outcome):
    assert outcome.view("good")[0] == "loaded"
    for what in ("sources", "drivers", "kinds", "sections"):
        assert "good" in outcome.said[what]


def test_nothing_of_a_hostile_plugin_is_in_service(outcome):
    for what in ("sources", "drivers", "kinds", "sections"):
        assert not set(outcome.said[what]) & set(HOSTILE)


def test_a_second_plugin_of_a_taken_name_is_refused_and_both_are_named(outcome):
    state, reason, _, _ = outcome.said["views"]["hostile-twin:translation"]
    assert state == "quarantined"
    assert "hostile-twin" in reason
    assert "provider-console" in reason


def test_unreadable_metadata_of_one_package_hides_no_other(outcome):
    assert any("hostile_metadata" in problem for problem in outcome.said["problems"])


def test_sections_of_quarantined_plugins_are_known_as_such(outcome):
    assert "raises" in outcome.said["unloaded"]
    assert "translation" not in outcome.said["unloaded"]


def test_tracebacks_are_bounded_and_hold_no_control_character(outcome):
    kept = [view[2] for view in outcome.said["views"].values() if view[2] is not None]
    assert kept
    assert all(len(text) <= 8_000 for text in kept)
    assert all(line.replace("\t", "").isprintable() for text in kept for line in text.splitlines())


def test_a_user_can_interrupt_while_a_plugin_hangs(tmp_path):
    write_plugin(tmp_path, "hangs", "import os\nos.write(1, b'hanging\\n')\nthreading.Event().wait()")
    child = "from provider_console.engine.plugins import discover\ndiscover((), on_trouble=print, import_s=3600)"
    with subprocess.Popen(
        [sys.executable, "-c", child],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(GUARD)])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "hanging\n"
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=15)

    assert process.returncode != 0
    assert stderr.strip().endswith("KeyboardInterrupt")
