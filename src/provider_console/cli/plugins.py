"""`plugins`: what is loaded, what is not, and why; enable, disable, check one, and begin one of your own."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path

from provider_console.cli.command import Actions, Command, console_for
from provider_console.cli.exits import DONE, FAILED
from provider_console.cli.output import Output
from provider_console.cli.plugin_template import make_plugin
from provider_console.console.errors import BadRequest
from provider_console.console.views import PluginView
from provider_console.console.words import did_you_mean


def _arguments(parser: argparse.ArgumentParser) -> None:
    action = Actions(parser)
    action("list", help="what is installed, and what became of it")
    check = action(
        "check", "translation", help="all about one: what it brings, or why it is not loaded, with the traceback"
    )
    check.add_argument("plugin", metavar="NAME|PATH", help="an installed plugin, or the folder of one (its code runs)")
    new = action("new", "acme_mt", help="begin one of your own from the template")
    new.add_argument("name", metavar="NAME")
    new.add_argument("--into", type=Path, metavar="FOLDER", help="where to (./NAME)")
    for name in ("enable", "disable"):
        action(name, "dynamic_ai", help=f"{name} one, from the next start on").add_argument("name", metavar="NAME")


async def _run(arguments: argparse.Namespace, output: Output) -> int:
    if arguments.action == "new":
        folder = arguments.into or Path(arguments.name)
        made = await asyncio.to_thread(make_plugin, arguments.name, folder)
        if output.json:
            output.data({"name": arguments.name, "folder": str(made)})
        else:
            output.line(f"{made} is a working plugin; its README.md says how to try it")
            output.line(f"next: provider-console plugins check {made}")
        return DONE
    if arguments.action == "check" and _is_path(arguments.plugin):
        from provider_console.bootstrap import check_plugins

        return _checked(await check_plugins(Path(arguments.plugin)), output)
    async with console_for(arguments, output) as console:
        match arguments.action:
            case "check":
                plugins = {plugin.name: plugin for plugin in await console.plugins()}
                if arguments.plugin not in plugins:
                    raise BadRequest(
                        f"no plugin {arguments.plugin!r} is installed{did_you_mean(arguments.plugin, plugins)}",
                        field="plugin",
                    )
                return _checked([plugins[arguments.plugin]], output)
            case "enable" | "disable":
                enabled = arguments.action == "enable"
                view = await console.set_plugin_enabled(arguments.name, enabled=enabled)
                if output.json:
                    output.data(view)
                else:
                    output.line(f"{arguments.name} is {'on' if enabled else 'off'} from the next start on")
            case _:
                _list(await console.plugins(), output)
    return DONE


def _is_path(text: str) -> bool:
    return "/" in text or text in (".", "..") or Path(text, "pyproject.toml").is_file()


def _list(plugins: Sequence[PluginView], output: Output) -> None:
    if output.json:
        output.data(plugins)
        return
    output.table(
        ("PLUGIN", "VERSION", "STATE", "SOURCES", "DRIVERS", "OPERATIONS"),
        [
            (p.name, p.version, p.state, ", ".join(p.sources), ", ".join(p.drivers), ", ".join(p.operations))
            for p in plugins
        ],
    )
    for plugin in plugins:
        for problem in (*([plugin.reason] if plugin.reason else []), *plugin.problems):
            output.say(f"{plugin.name}: {problem}")


def _checked(plugins: Sequence[PluginView], output: Output) -> int:
    if output.json:
        output.data(plugins)
    else:
        for plugin in plugins:
            _about(plugin, output)
    return DONE if all(plugin.state == "loaded" and not plugin.problems for plugin in plugins) else FAILED


def _about(plugin: PluginView, output: Output) -> None:
    named = " ".join(filter(None, (plugin.name, plugin.version)))
    output.line(f"{named} ({', '.join(filter(None, (plugin.package, plugin.module)))}): {plugin.state}")
    brought = {
        "hooks": plugin.hooks,
        "sources": plugin.sources,
        "drivers": plugin.drivers,
        "operations": plugin.operations,
        "orders": plugin.orders,
        "themes": plugin.themes,
        "settings": plugin.settings,
    }
    for what, names in brought.items():
        if names:
            output.line(f"  {what}: {', '.join(names)}")
    for problem in (
        *([plugin.reason] if plugin.reason else []),
        *([plugin.news] if plugin.news else []),
        *plugin.problems,
    ):
        output.line(f"  {problem}")
    for line in (plugin.traceback or "").splitlines():
        output.line(f"    {line}")


COMMAND = Command(_arguments, _run, "provider-console plugins check translation")
