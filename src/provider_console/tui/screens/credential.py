"""Storing a credential and trying it, wherever one is selected. Its value passes through and is kept nowhere here."""

from __future__ import annotations

from provider_console.tui.pages import questions
from provider_console.tui.screens.base import ConsoleScreen


async def store(screen: ConsoleScreen, name: str, *, present: bool = False) -> bool:
    """Ask for the value of a credential and store it; False where it was left. `present`: there is one already.

    Raises:
        ConsoleError
    """
    from provider_console.tui.screens.dialogs import CredentialScreen

    console = screen.link.console
    backend = await console.secret_backend()
    if not backend.usable:
        screen.tell(f"{name} cannot be stored: {backend.reason}", well=False)
        return False
    lines = questions.stores(name, screen.state, backend.name, present=present)
    value = await screen.app.push_screen_wait(CredentialScreen(name, lines))
    if value is None:
        return False
    stored = await console.set_secret(name, value)
    screen.tell(f"{name} is stored in {stored.backend or 'the keyring'}")
    return True


async def test(screen: ConsoleScreen, name: str) -> None:
    """Check every provider that uses a credential, and say what came of it.

    Raises:
        ConsoleError
    """
    checks = await screen.link.console.test_secret(name)
    if not checks:
        screen.tell(f"no provider uses {name}", well=False)
    for check in checks:
        screen.tell(f"{name} · {questions.checked(check, screen.state)}", well=check.passed is not False)
