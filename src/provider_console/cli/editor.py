"""`config edit`: the configuration in an editor, saved only once it is valid and nobody's change is lost."""

from __future__ import annotations

import asyncio
import difflib
import os
import shlex
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from provider_console.cli.exits import DONE, FAILED
from provider_console.cli.output import Output
from provider_console.cli.question import asked, is_anybody_there
from provider_console.console.console import Console
from provider_console.console.errors import BadRequest, ConfigurationInvalid, Conflict
from provider_console.console.views import ConfigImpact

USUAL: Final = "vi"
"""What POSIX says is there where neither VISUAL nor EDITOR names another."""


async def edit(console: Console, output: Output, *, within_s: float | None) -> int:
    """Edit until it can be saved, or the person gives up; what was written is kept then."""
    folder = Path(tempfile.mkdtemp(prefix="provider-console-"))  # mode 0700
    draft = folder / "config.toml"
    base, revision = await console.config_text()
    draft.write_text(base, "utf-8")
    while True:
        await _edited(draft)
        text = _read(draft)
        if text == base:
            _forget(draft)
            output.say("nothing was changed")
            return DONE
        now, current = await console.config_text()
        if current != revision:
            for line in difflib.unified_diff(
                base.splitlines(), now.splitlines(), "as you read it", "as it is now", lineterm=""
            ):
                output.progress(line)
            if not await _again("somebody else changed it meanwhile; take that over into yours? [Y/n] ", draft):
                raise Conflict(f"somebody else changed the configuration meanwhile; your text is kept in {draft}")
            base, revision = now, current
            continue
        try:
            impact = await console.config_impact(text)
        except ConfigurationInvalid as error:
            output.say(str(error))
            if not await _again("edit again? [Y/n] ", draft):
                raise ConfigurationInvalid([f"nothing was saved; your text is kept in {draft}"]) from error
            continue
        show(impact, output, diff=True)
        answer = await asked("save? [Y]es, [e]dit again, [n]o ") if is_anybody_there() else "y"
        if answer.startswith("n"):
            output.say(f"nothing was saved; your text is kept in {draft}")
            return FAILED
        if answer.startswith("e"):
            continue
        try:
            view = await console.replace_config(text, revision=revision, reason="edit", confirm_within_s=within_s)
        except Conflict:
            if (await console.config_text())[1] == revision:
                output.say(f"your text is kept in {draft}")
                raise
            continue  # somebody saved between the look above and this: shown like any other change
        _forget(draft)
        if output.json:
            output.data(view)
        return DONE


def show(impact: ConfigImpact, output: Output, *, diff: bool) -> None:
    """What a change does, before it is made."""
    if diff:
        for line in impact.diff:
            output.progress(line)
    output.progress(f"impact: {impact.line}")


async def _again(question: str, draft: Path) -> bool:
    if not is_anybody_there():
        return False
    return not (await asked(f"{question}({draft}) ")).startswith("n")


async def _edited(draft: Path) -> None:
    """Run the person's editor.

    Raises:
        BadRequest: there is none, or it failed.
    """
    words = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or USUAL)
    with _ctrl_c_is_the_editors():
        try:
            process = await asyncio.create_subprocess_exec(*words, str(draft))
            code = await process.wait()
        except OSError as error:
            raise BadRequest(
                f"{words[0]} cannot be run ({error.strerror}); set EDITOR to an editor", field="editor"
            ) from error
    if code != 0:
        raise BadRequest(f"{words[0]} ended with code {code}; nothing was saved, your text is kept in {draft}")


@contextmanager
def _ctrl_c_is_the_editors() -> Iterator[None]:
    """In an editor Ctrl-C is a key like others: it must not end the console behind it."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    with suppress(NotImplementedError):
        loop.remove_signal_handler(signal.SIGINT)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if task is not None:
            with suppress(NotImplementedError):
                loop.add_signal_handler(signal.SIGINT, task.cancel)


def _read(draft: Path) -> str:
    try:
        return draft.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequest(f"{draft} cannot be read: {error}", field="file") from error


def _forget(draft: Path) -> None:
    draft.unlink(missing_ok=True)
    with suppress(OSError):  # the editor's own files beside it
        draft.parent.rmdir()
