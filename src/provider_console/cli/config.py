"""`config`: show, get, set, confirm, edit, validate, history and restore settings."""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path

import msgspec

from provider_console.cli.command import Actions, Command, console_for, span
from provider_console.cli.editor import edit, show
from provider_console.cli.exits import DONE
from provider_console.cli.output import Output
from provider_console.console.console import Console
from provider_console.console.errors import BadRequest
from provider_console.console.views import ConfigView, SettingView
from provider_console.console.words import did_you_mean


def _arguments(parser: argparse.ArgumentParser) -> None:
    action = Actions(parser, required=True)
    show = action("show", "--origin", help="every setting in force")
    show.add_argument("--origin", action="store_true", help="also where each value comes from")
    get = action("get", "engine.max_retries", help="one setting")
    get.add_argument("key", help="a dotted key such as engine.max_retries, or a table such as engine")
    change = action(
        "set", "engine.max_retries 3 --confirm-within 10m", help="change one setting in config.toml; comments stay"
    )
    change.add_argument("key", help="a dotted key such as engine.max_retries")
    change.add_argument("value", nargs="?", help="a TOML value; text needs no quotes")
    change.add_argument("--unset", action="store_true", help="remove the key, so that the default counts")
    trial = "take it back after this long (like 10m) unless `config confirm` comes first, or at once if it does harm"
    change.add_argument("--confirm-within", metavar="SPAN", help=trial)
    action("confirm", help="keep a change that is on trial")
    action("edit", "--confirm-within 10m", help="change it in your editor (VISUAL, EDITOR)").add_argument(
        "--confirm-within", metavar="SPAN", help=trial
    )
    validate = action("validate", "new.toml", help="check a file, or the configuration, without using it")
    validate.add_argument("file", nargs="?", type=Path, help="the file to check; without it, the one in force")
    history = action("history", "--limit 5", help="versions of the configuration")
    history.add_argument("--limit", type=int, default=20, help="at most so many versions (20)")
    restore = action("restore", "3", help="make an earlier version the one in force")
    restore.add_argument("revision", type=int, help="its number, as config history shows it")


async def _run(arguments: argparse.Namespace, output: Output) -> int:
    async with console_for(arguments, output, repair=True) as console:
        match arguments.action:
            case "show":
                _show(await console.config(), output, origin=arguments.origin)
            case "get":
                _get(await console.config(), arguments.key, output)
            case "set":
                await _set(console, arguments, output)
            case "confirm":
                view = await console.confirm_config()
                output.data(view) if output.json else output.line("the change is kept")
            case "edit":
                return await edit(console, output, within_s=_within_s(arguments))
            case "validate":
                await _validate(console, arguments.file, output)
            case "history":
                revisions = await console.config_history(limit=arguments.limit)
                if output.json:
                    output.data(revisions)
                elif not revisions:
                    output.say("the configuration has no versions yet: provider-console config set makes the first one")
                else:
                    output.table(
                        ("REVISION", "AT", "AUTHOR", "REASON"), [(r.id, r.at, r.author, r.reason) for r in revisions]
                    )
            case "restore":
                view = await console.restore_config(arguments.revision)
                if output.json:
                    output.data(view)
                else:
                    output.line(f"revision {arguments.revision} is in force again")
    return DONE


def _show(view: ConfigView, output: Output, *, origin: bool) -> None:
    if output.json:
        output.data(view)
        return
    header = ("SETTING", "VALUE", "UNIT") + (("FROM",) if origin else ())
    output.table(
        header, [(s.key, _text(s.value), s.unit or "") + ((s.origin,) if origin else ()) for s in view.settings]
    )
    for warning in (*view.warnings, *([view.problem] if view.problem else [])):
        output.say(warning)
    if view.trial is not None:
        output.say(f"{view.trial.reason}, by {view.trial.author}, is on trial until {view.trial.until}")


def _get(view: ConfigView, key: str, output: Output) -> None:
    settings = {setting.key: setting for setting in view.settings}
    setting = settings.get(key)
    if setting is not None:
        output.data(setting) if output.json else output.line(_text(setting.value))
        return
    inside = [s for name, s in settings.items() if name.startswith(f"{key}.")]
    if not inside:
        raise BadRequest(f"unknown setting {key!r}{did_you_mean(key, settings)}", field="key")
    _many(inside, output)


def _many(settings: list[SettingView], output: Output) -> None:
    if output.json:
        output.data(settings)
        return
    output.table(("SETTING", "VALUE", "UNIT"), [(s.key, _text(s.value), s.unit or "") for s in settings])


async def _set(console: Console, arguments: argparse.Namespace, output: Output) -> None:
    if arguments.unset == (arguments.value is not None):
        raise BadRequest("config set takes a key and a value, or a key and --unset", field="value")
    value, within_s = None if arguments.unset else parse_value(arguments.value), _within_s(arguments)
    impact = await console.config_impact(await console.edited_config({arguments.key: value}))
    show(impact, output, diff=False)
    view = await console.set_config(arguments.key, value, confirm_within_s=within_s)
    if output.json:
        output.data(view)
    elif arguments.unset:
        output.line(f"{arguments.key} is no longer set")
    else:
        output.line(f"{arguments.key} = {arguments.value}")
    if view.trial is not None:
        output.say(
            f"on trial until {view.trial.until}; provider-console config confirm keeps it. A console that keeps "
            "running takes it back on time; without one, the next command after that does"
        )


def _within_s(arguments: argparse.Namespace) -> float | None:
    text = arguments.confirm_within
    return None if text is None else span(text, option="--confirm-within")


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise BadRequest(f"{file} cannot be read: {why}", field="file") from error


async def _validate(console: Console, file: Path | None, output: Output) -> None:
    if file is None:
        text, _ = await console.config_text()
        name = (await console.config()).file
    else:
        name, text = str(file), _read(file)
    view = await console.validate_config(text, file=name)
    if output.json:
        output.data(view)
    else:
        exists = file is not None or text
        output.line(
            f"{name} is valid" if exists else f"there is no configuration ({name} is absent or empty): defaults"
        )
        for warning in view.warnings:
            output.say(warning)


def parse_value(text: str) -> object:
    """A value as TOML, else the text itself.

    >>> parse_value("3"), parse_value("true"), parse_value("swift"), parse_value('["a"]')
    (3, True, 'swift', ['a'])
    """
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


COMMAND = Command(_arguments, _run, "provider-console config set engine.max_retries 3")
