"""The configuration in the person's own editor, at the terminal that is theirs meanwhile."""

from __future__ import annotations

from textual.app import SuspendNotSupported

from provider_console.console.errors import ConsoleError
from provider_console.tui.link import Draft
from provider_console.tui.pages.unsaved import Unsaved, Written
from provider_console.tui.screens.base import ConsoleScreen

ELSEWHERE = (
    "the settings of an engine elsewhere are no file of this machine; change them here with enter, "
    "or there with provider-console config edit"
)


async def edited(screen: ConsoleScreen, unsaved: Unsaved) -> Unsaved:
    """What is not saved once the person has left the editor, which begins with `unsaved`.

    Raises:
        ConsoleError: there is no editor or it failed, or what is not saved could not be used.
    """
    console, drafts = screen.link.console, screen.link.drafts
    if drafts is None:
        raise ConsoleError(ELSEWHERE)
    now = Written.of(*await console.config_text())
    text = unsaved.edited
    if text is None:
        text = await console.edited_config(unsaved.changes) if unsaved.changes else now.text
    draft = drafts(text)
    try:
        text = await _at_the_terminal(screen, draft)
    except SuspendNotSupported as error:
        draft.forget()
        raise ConsoleError("this terminal cannot be left to an editor; change settings here with enter") from error
    draft.forget()
    base = unsaved.base if unsaved else now
    return Unsaved() if text == now.text else Unsaved(base=base, edited=text)


async def _at_the_terminal(screen: ConsoleScreen, draft: Draft) -> str:
    failure: ConsoleError | None = None
    text = ""
    with screen.app.suspend():
        # An error that left this block would leave the terminal to nobody.
        try:
            text = await draft.edited()
        except ConsoleError as error:
            failure = error
    if failure is not None:
        raise failure
    return text
