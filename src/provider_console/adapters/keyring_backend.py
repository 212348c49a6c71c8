"""Which of the keyrings on this machine is fit for secrets, and what to say where none is. Blocks: call in a thread."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

LEAST_PRIORITY: Final = 1
"""keyring's own line: below it a backend "is not recommended"."""

_REFUSED: Final = {
    "keyring.backends.null": "it forgets everything",
    "keyring.backends.fail": "it stores nothing",
    "keyrings.alt": "it keeps secrets in files, some in plain text",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """The keyring to use. `keyring` None: there is none, and `reason` says why and what to do."""

    name: str
    keyring: KeyringBackend | None
    reason: str = ""


def chosen() -> Choice:
    """The first fit one of those that the `keyring` library would use here (a chain of them is taken apart)."""
    import keyring
    from keyring.backends.chainer import ChainerBackend

    try:
        found = keyring.get_keyring()
    except (ImportError, AttributeError, TypeError) as error:
        return Choice(
            "keyring",
            None,
            f"the keyring that is configured cannot be loaded ({type(error).__name__}); "
            "look at PYTHON_KEYRING_BACKEND and at keyringrc.cfg",
        )
    chain = list(found.backends) if isinstance(found, ChainerBackend) else [found]
    return first_fit(chain)


def first_fit(chain: list[KeyringBackend]) -> Choice:
    """The first keyring that may hold secrets, else why not."""
    refusals = []
    for candidate in chain:
        why = _unfit(candidate)
        if why is None:
            return Choice(_name(candidate), candidate)
        if type(candidate).__module__ not in {"keyring.backends.fail"}:
            refusals.append(f"{_name(candidate)} is not used: {why}")
    return Choice("none", None, ". ".join([*refusals, _advice()]))


def _unfit(candidate: KeyringBackend) -> str | None:
    for kind in type(candidate).__mro__:
        for module, why in _REFUSED.items():
            if kind.__module__ == module or kind.__module__.startswith(f"{module}."):
                return why
    try:
        fit = candidate.priority >= LEAST_PRIORITY
    except RuntimeError:
        return "it does not work on this machine"
    return None if fit else "the keyring library does not recommend it"


def _name(candidate: KeyringBackend) -> str:
    """`SecretService`, `macOS`, `kwallet`: the module's last part says it best."""
    return type(candidate).__module__.rpartition(".")[2]


def _advice() -> str:
    otherwise = "until then credentials are read from environment variables of their names"
    if sys.platform != "linux":
        return f"there is no keyring on this machine that may hold secrets; {otherwise}"
    if "DBUS_SESSION_BUS_ADDRESS" not in os.environ:
        return (
            "there is no keyring: this session has no D-Bus. Log in to a desktop session, or start the console with "
            f"`dbus-run-session -- provider-console` after installing gnome-keyring; {otherwise}"
        )
    return f"there is no keyring: install and start gnome-keyring or kwallet, then start the console again; {otherwise}"


_SENTENCES: Final = {
    "PromptDismissedException": "the keyring's question for its password was dismissed; try again and answer it",
    "KeyringLocked": "the keyring is locked; unlock it and try again",
    "LockedException": "the keyring is locked; unlock it and try again",
    "NoKeyringError": "there is no keyring; install and start gnome-keyring or kwallet",
    "InitError": "the keyring could not be opened; it may be locked without anybody to ask for its password",
    "SecretServiceNotAvailableException": "the Secret Service is not running; start gnome-keyring or kwallet",
    "PasswordSetError": "the keyring refused to store it",
    "PasswordDeleteError": "the keyring refused to delete it",
    "ConnectionError": "D-Bus cannot be reached; is the session still there?",
    "FileNotFoundError": "D-Bus cannot be reached; is the session still there?",
    "EOFError": "the keyring closed the connection; is it still running?",
}


def failure_sentence(error: BaseException) -> str:
    """What went wrong, from the kind of error alone: its own text is foreign and may hold a value."""
    linked: BaseException | None = error
    while linked is not None:
        for kind in type(linked).__mro__:
            if kind.__name__ in _SENTENCES and kind.__name__ not in {"InitError"}:
                return _SENTENCES[kind.__name__]
        linked = linked.__cause__
    if type(error).__name__ == "InitError":
        return _SENTENCES["InitError"]
    return f"the keyring failed ({type(error).__name__}); look at it with its own tool"
