"""The loader: what it collects, in which order, what it refuses, and what it takes out of service."""

from __future__ import annotations

import sys
import types
from importlib import metadata

import msgspec
import pytest

from provider_console.engine.plugins import Plugins, Registry, Trouble, discover
from provider_console.sdk import (
    Driver,
    ErrorClass,
    Field,
    OperationKind,
    ProbeResult,
    Result,
    Rung,
    SettingsSection,
    Source,
    hookimpl,
)
from provider_console.testing.fakes import FakeContext


class Empty(Source):
    def __init__(self, name):
        self.name = name

    async def discover(self):
        return ()


class Quiet(Driver):
    title = "Quiet"
    categories = ("ai",)
    credential = "none"
    capabilities = ()
    rungs = (Rung(name="reach", proves="it runs"),)

    def __init__(self, name):
        self.name = name

    async def call(self, call):
        return Result(value={})

    async def probe(self, call):
        return ProbeResult(rung="reach")


class Plain(OperationKind):
    title = "Plain"
    category = "ai"
    fields = (Field(name="text", label="Text"),)

    def __init__(self, name):
        self.name = name


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: str = ""


class Tables(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    providers: dict[str, Table] = {}


class Shelf:
    """Entry points of modules made from functions."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.points: list[metadata.EntryPoint] = []
        self.troubles: list[Trouble] = []

    def add(self, name: str, **hooks: object) -> None:
        """A plugin whose `sources=f` is its implementation of `provider_console_sources`."""
        module = types.ModuleType(f"shelf_{name}")
        for hook, function in hooks.items():
            setattr(module, f"provider_console_{hook}", hookimpl(function))
        self._monkeypatch.setitem(sys.modules, module.__name__, module)
        self.points.append(metadata.EntryPoint(name, module.__name__, "provider_console.plugins"))

    def discover(self, *disabled: str) -> Registry:
        return discover(disabled, on_trouble=self.troubles.append, entry_points=lambda: self.points)

    def start(self, *disabled: str) -> Plugins:
        return self.discover(*disabled).start(lambda name: FakeContext(plugin=name))


@pytest.fixture
def shelf(monkeypatch):
    return Shelf(monkeypatch)


def view(plugins, name):
    return next(view for view in plugins.views() if view.name == name)


def test_the_built_in_plugins_are_found_by_their_entry_points():
    troubles = []

    plugins = discover((), on_trouble=troubles.append).start(lambda name: FakeContext(plugin=name))

    assert {"translation", "dynamic_ai", "system_secrets"} <= {v.name for v in plugins.views() if v.state == "loaded"}
    assert list(plugins.sources)[:3] == ["translation", "dynamic_ai", "system_secrets"]
    assert plugins.driver_section["deepl"] == "translation"
    assert (view(plugins, "translation").package, view(plugins, "translation").reason) == ("provider-console", None)
    assert troubles == []


def test_everything_that_a_plugin_brings_is_collected(shelf, tmp_path):
    theme = tmp_path / "dusk.toml"
    theme.write_text("")

    def rank(provider, *, score):
        return (score,)

    shelf.add(
        "mine",
        sources=lambda context: [Empty("mine")],
        drivers=lambda: (Quiet("mine_driver"),),
        operations=lambda: (Plain("ask"),),
        settings=lambda: (SettingsSection(name="mine", type=Tables),),
        rankers=lambda: {"cheapest": rank},
        themes=lambda: (theme, tmp_path / "absent.toml"),
    )

    plugins = shelf.start()

    assert list(plugins.sources) == ["mine"]
    assert dict(plugins.driver_section) == {"mine_driver": "mine"}
    assert (dict(plugins.source_plugin), dict(plugins.driver_plugin)) == ({"mine": "mine"}, {"mine_driver": "mine"})
    assert list(plugins.kinds) == ["ask"]
    assert plugins.themes == (theme,)
    assert plugins.rankers["cheapest"](None, score=2.0) == (2.0,)
    assert [section.name for section in plugins.sections] == ["mine"]
    assert view(plugins, "mine").problems == ("there is no theme file absent.toml",)
    assert "provider_console_rankers" in view(plugins, "mine").hooks


def test_a_hook_gets_the_arguments_that_it_asks_for(shelf):
    seen = []
    shelf.add("mine", sources=lambda context: seen.append(context.plugin) or (), drivers=lambda: ())

    shelf.start()

    assert seen == ["mine"]


def test_settings_are_known_before_any_context_exists(shelf):
    shelf.add("mine", settings=lambda: (SettingsSection(name="tables", type=Tables),))

    registry = shelf.discover()

    assert [section.name for section in registry.sections] == ["tables"]
    assert registry.sections_of("mine") == ("tables",)
    assert registry.sections_of("other") == ()


def test_a_disabled_plugin_is_not_imported(shelf):
    shelf.points.append(metadata.EntryPoint("off", "there_is_no_such_module", "provider_console.plugins"))

    plugins = shelf.start("off")

    assert view(plugins, "off").state == "disabled"
    assert plugins.unloaded_sections == {"off"}
    assert shelf.troubles == []


def test_disabling_what_is_not_installed_is_a_problem(shelf):
    assert shelf.discover("ghost").problems == ("[plugins] disabled names 'ghost', which is not installed",)


@pytest.mark.parametrize(
    ("what", "hook", "thing"),
    [
        ("source", "sources", Empty("taken")),
        ("driver", "drivers", Quiet("taken")),
        ("operation kind", "operations", Plain("taken")),
        ("settings section", "settings", SettingsSection(name="taken", type=Table)),
    ],
)
def test_the_second_that_claims_a_name_is_refused_and_both_are_named(shelf, what, hook, thing):
    shelf.add("second", **{hook: lambda: (thing,)})
    shelf.add("first", **{hook: lambda: (thing,)})

    plugins = shelf.start()

    assert view(plugins, "first").state == "loaded"
    assert view(plugins, "second").reason == f"the {what} taken of second is taken by first; disable one of them"


def test_a_refused_plugin_blocks_no_name(shelf):
    shelf.add("a", drivers=lambda: (Quiet("common"),))
    shelf.add("b", drivers=lambda: (Quiet("common"), Quiet("rare")))
    shelf.add("c", drivers=lambda: (Quiet("rare"),))

    plugins = shelf.start()

    assert dict(plugins.driver_plugin) == {"common": "a", "rare": "c"}


def test_a_plugin_put_aside_later_takes_everything_with_it(shelf):
    shelf.add(
        "mine",
        sources=lambda: (Empty("mine"),),
        drivers=lambda: (Quiet("mine_driver"),),
        operations=lambda: (Plain("ask"),),
        settings=lambda: (SettingsSection(name="tables", type=Tables),),
        on_event=lambda event: None,
        classify=lambda error: ErrorClass.QUOTA,
    )
    plugins = shelf.start()
    classify = plugins.classify_hooks[0]

    known = plugins.quarantine("mine", "discover failed 5 times", "Traceback ...")

    assert known
    brought = (plugins.sources, plugins.drivers, plugins.kinds, plugins.sections, plugins.driver_section)
    assert not any(brought)
    assert not plugins.listens
    assert classify(ValueError()) is None
    assert plugins.unloaded_sections == {"mine", "tables"}
    assert (view(plugins, "mine").state, view(plugins, "mine").traceback) == ("quarantined", "Traceback ...")
    assert plugins.problems == ("the plugin mine is quarantined: discover failed 5 times",)
    assert shelf.troubles == [Trouble(plugin="mine", reason="discover failed 5 times", traceback="Traceback ...")]


def test_a_plugin_is_put_aside_once(shelf):
    shelf.add("mine", sources=lambda: (Empty("mine"),))
    plugins = shelf.start()

    assert plugins.quarantine("mine", "first")
    assert not plugins.quarantine("mine", "second")
    assert not plugins.quarantine("unknown", "third")
    assert len(shelf.troubles) == 1


def test_whoever_is_told_of_trouble_sees_it_out_of_service(shelf):
    seen = []
    shelf.add("mine", sources=lambda: (Empty("mine"),))
    registry = discover((), on_trouble=lambda _: seen.append(dict(plugins.sources)), entry_points=lambda: shelf.points)
    plugins = registry.start(lambda name: FakeContext(plugin=name))

    plugins.quarantine("mine", "enough")

    assert seen == [{}]


def test_events_reach_every_listener_and_a_failing_one_only_once(shelf):
    heard = []

    def fail(event):
        heard.append(("failing", event))
        raise SystemExit

    shelf.add("failing", on_event=fail)
    shelf.add("good", on_event=lambda event: heard.append(("good", event)))
    plugins = shelf.start()

    plugins.notify(1)
    plugins.notify(2)

    assert heard == [("failing", 1), ("good", 1), ("good", 2)]
    assert [trouble.plugin for trouble in shelf.troubles] == ["failing"]
    assert view(plugins, "failing").state == "loaded"


def test_telling_of_trouble_by_an_event_comes_to_an_end(shelf):
    def fail(event):
        raise ValueError(event)

    shelf.add("a", on_event=fail)
    shelf.add("b", on_event=fail)
    told = []

    def publish(trouble):
        told.append(trouble.plugin)
        plugins.notify(trouble)

    plugins = discover((), on_trouble=publish, entry_points=lambda: shelf.points).start(
        lambda name: FakeContext(plugin=name)
    )

    plugins.notify("start")

    assert sorted(told) == ["a", "b"]


def test_whoever_hears_is_told_of_what_is_put_aside_from_then_on(shelf):
    def fail(event):
        raise ValueError(event)

    shelf.add("early", sources=lambda: 1 / 0)
    shelf.add("late", on_event=fail)
    plugins = shelf.start()
    told = []
    plugins.hear(told.append)

    plugins.notify("start")

    assert [trouble.plugin for trouble in told] == ["late"]


def test_a_users_interrupt_passes_through_a_listener(shelf):
    def interrupted(event):
        raise KeyboardInterrupt

    shelf.add("mine", on_event=interrupted)
    plugins = shelf.start()

    with pytest.raises(KeyboardInterrupt):
        plugins.notify("event")


def test_an_error_is_classified_by_who_understands_it(shelf):
    shelf.add("mine", classify=lambda error: ErrorClass.QUOTA if "credits" in str(error) else None)
    classify = shelf.start().classify_hooks[0]

    assert classify(ValueError("no credits")) is ErrorClass.QUOTA
    assert classify(ValueError("other")) is None


def test_a_failing_ranker_is_silenced_and_orders_by_score_from_then_on(shelf):
    calls = []

    def rank(provider, *, score):
        calls.append(score)
        raise LookupError("no rank")

    shelf.add("mine", rankers=lambda: {"odd": rank})
    ranker = shelf.start().rankers["odd"]

    assert [ranker(None, score=30.0), ranker(None, score=60.0)] == [(-30.0,), (-60.0,)]
    assert calls == [30.0]


def test_what_a_plugin_prints_goes_to_its_log(shelf, caplog, capsys):
    shelf.add("chatty", sources=lambda: sys.stdout.write("hello \x1b[31mthere\n") and ())

    with caplog.at_level("INFO", logger="provider_console.plugin.chatty"):
        shelf.start()

    assert "hello \N{REPLACEMENT CHARACTER}there" in caplog.text
    assert capsys.readouterr() == ("", "")


def test_the_standard_streams_are_put_back(shelf):
    before = sys.stdin, sys.stdout, sys.stderr
    shelf.add("mine", sources=lambda: ())

    shelf.start()

    assert (sys.stdin, sys.stdout, sys.stderr) == before


def test_decorated_and_partial_methods_count_as_what_they_wrap(shelf):
    import functools

    async def look(label):
        return ()

    partly = Empty("partly")
    partly.discover = functools.partial(look, "x")

    def wrapped(function):
        @functools.wraps(function)
        def inner(*args):
            return function(*args)

        return inner

    class Wrapped(Empty):
        discover = wrapped(Empty.discover)

    shelf.add("mine", sources=lambda: (partly, Wrapped("wrapped")))

    assert list(shelf.start().sources) == ["partly", "wrapped"]


def test_the_order_is_configured_found_unlocked_and_then_by_name(shelf):
    names = ["zeta", "system_secrets", "alpha", "dynamic_ai", "translation"]
    shelf.add("mine", sources=lambda: [Empty(name) for name in names])

    assert list(shelf.start().sources) == ["translation", "dynamic_ai", "system_secrets", "alpha", "zeta"]
