"""`config edit`: the configuration in an editor, saved only once it is valid and nobody's change is lost."""

from __future__ import annotations

import difflib
from typing import Final

from provider_console.cli.draft import Draft
from provider_console.cli.exits import DONE, FAILED
from provider_console.cli.output import Output
from provider_console.cli.question import asked, is_anybody_there
from provider_console.console.console import Console
from provider_console.console.errors import ConfigurationInvalid, Conflict
from provider_console.console.views import ConfigImpact

USUAL: Final = "vi"
"""What POSIX says is there where neither VISUAL nor EDITOR names another."""


async def edit(console: Console, output: Output, *, within_s: float | None) -> int:
    """Edit until it can be saved, or the person gives up; what was written is kept then."""
    base, revision = await console.config_text()
    draft = Draft(base, usual=USUAL)
    while True:
        text = await draft.edited()
        if text == base:
            draft.forget()
            output.say("nothing was changed")
            return DONE
        now, current = await console.config_text()
        if current != revision:
            for line in difflib.unified_diff(
                base.splitlines(), now.splitlines(), "as you read it", "as it is now", lineterm=""
            ):
                output.progress(line)
            if not await _again("somebody else changed it meanwhile; take that over into yours? [Y/n] ", draft):
                raise Conflict(f"somebody else changed the configuration meanwhile; your text is kept in {draft.file}")
            base, revision = now, current
            continue
        try:
            impact = await console.config_impact(text)
        except ConfigurationInvalid as error:
            output.say(str(error))
            if not await _again("edit again? [Y/n] ", draft):
                raise ConfigurationInvalid([f"nothing was saved; your text is kept in {draft.file}"]) from error
            continue
        show(impact, output, diff=True)
        answer = await asked("save? [Y]es, [e]dit again, [n]o ") if is_anybody_there() else "y"
        if answer.startswith("n"):
            output.say(f"nothing was saved; your text is kept in {draft.file}")
            return FAILED
        if answer.startswith("e"):
            continue
        try:
            view = await console.replace_config(text, revision=revision, reason="edit", confirm_within_s=within_s)
        except Conflict:
            if (await console.config_text())[1] == revision:
                output.say(f"your text is kept in {draft.file}")
                raise
            continue  # somebody saved between the look above and this: shown like any other change
        draft.forget()
        if output.json:
            output.data(view)
        return DONE


def show(impact: ConfigImpact, output: Output, *, diff: bool) -> None:
    """What a change does, before it is made."""
    if diff:
        for line in impact.diff:
            output.progress(line)
    output.progress(f"impact: {impact.line}")


async def _again(question: str, draft: Draft) -> bool:
    if not is_anybody_there():
        return False
    return not (await asked(f"{question}({draft.file}) ")).startswith("n")
