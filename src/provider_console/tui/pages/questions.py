"""What is asked before something is done to a provider, and what is said afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from provider_console.console.views import CheckView, CoverageEntry, ProviderView
from provider_console.tui.ink import Line, Span, faint, left, line, muted, row, strong
from provider_console.tui.pages.words import MISSING, listed, pair, plural, seconds, short_path
from provider_console.tui.state import State

Lines = Sequence[Line]
"""The lines of a question."""


def place_of(address: str | None) -> str | None:
    """Host and port of an address, for where the rest says nothing; no user, who may come with a password.

    >>> place_of("http://me:secret@10.0.4.12:5000/v1"), place_of("http://[::1"), place_of(None)
    ('10.0.4.12:5000', 'an address that cannot be read', None)
    """
    if address is None:
        return None
    try:
        return (urlsplit(address).netloc or address).rpartition("@")[2]
    except ValueError:
        return "an address that cannot be read"


def _served_by(view: ProviderView, state: State) -> list[CoverageEntry]:
    return [entry for entry in state.coverage if view.id in (*entry.providers, *entry.down)]


def affects(view: ProviderView, state: State) -> Line:
    """What nobody else serves, and who takes the rest; empty where it serves nothing that anybody wants."""
    alone, heirs, others = [], dict[str, None](), 0
    for entry in _served_by(view, state):
        rest = [name for name in entry.providers if name != view.id]
        if rest:
            others += 1
            heirs[state.name_of(rest[0])] = None
        else:
            alone.append(pair(entry.capability))
    parts = []
    if alone:
        parts += [line(listed(alone, most=2), muted(f" {'has' if len(alone) == 1 else 'have'} no other provider"))]
    if others:
        goes = "goes" if others == 1 else "go"
        said = f"{others} more {goes} to " if alone else f"{others} would go to "
        parts += [line(muted(f" · {said}" if alone else said), listed(heirs, most=2))]
    return tuple(span for part in parts for span in part)


def hurts(view: ProviderView, state: State) -> bool:
    """Whether something would be served by nobody without it, or runs there now."""
    alone = any(not set(entry.providers) - {view.id} for entry in _served_by(view, state))
    return alone or _running(view, state) > 0


def _running(view: ProviderView, state: State) -> int:
    return sum(run.report is None and view.id in run.providers for run in state.runs.values())


def dies(view: ProviderView, state: State) -> Lines:
    """What happens where a provider is switched off."""
    lines = [line(f"{view.name} gets no more requests and no more checks, until it is switched on again.")]
    hurt = affects(view, state)
    if hurt:
        lines.append(hurt)
    running = _running(view, state)
    if running:
        lines.append(line(muted(f"{plural(running, 'execution')} under way may still end there.")))
    return lines


def adopts(view: ProviderView, config_file: str | None = None) -> Lines:
    """Where the requests of a provider that was found would go, and with which credential."""
    credential = "none" if view.credential is None else view.credential.name
    if view.credential is not None and not view.credential.present:
        credential += ", which is not stored yet"
    facts = (
        ("address", view.base_url or MISSING),
        ("network", view.network),
        ("credential", credential),
        ("driver", view.driver),
        ("found by", ", ".join(view.sources) or MISSING),
    )
    return [
        line(f"From then on {view.name} gets requests: what people send goes to this address."),
        (),
        *(row(left(0, muted(name)), left(12, strong(value)), width=92) for name, value in facts),
        (),
        line(
            muted("It is written into "),
            muted("the configuration") if config_file is None else Span(short_path(config_file)),
            muted("; d switches it off again."),
        ),
    ]


def adopted(view: ProviderView, checks: Sequence[CheckView]) -> str:
    """What became of a provider that was adopted, and of its first check."""
    failed = next((check for check in checks if check.passed is False), None)
    if failed is None:
        return f"{view.name} is in use."
    return f"{view.name} is in use, and its check failed: {failed.message or failed.error_class or 'no answer'}"


def stores(name: str, state: State, keyring: str, *, opens: str | None = None, present: bool = False) -> Lines:
    """Where a credential goes and who uses it; `opens` is whose it is, where nobody uses it yet."""
    users = [view for view in state.providers.values() if view.credential and view.credential.name == name]
    names = [view.name for view in users]
    there = present or any(view.credential is not None and view.credential.present for view in users)
    return [
        line(f"It is kept in {keyring}, and the value is never shown again."),
        line(muted("used by "), listed(names, most=4))
        if names
        else line(muted("opens "), opens)
        if opens
        else line(muted("used by "), faint(MISSING)),
        *([line(muted("There is one already: it is replaced."))] if there else []),
    ]


def checked(check: CheckView, state: State) -> str:
    """The outcome of a check in a sentence."""
    name = state.name_of(check.provider)
    if check.passed is None:
        return f"{name} was not asked: {check.message or check.state.value}"
    if not check.passed:
        return f"{name} failed: {check.message or check.error_class or 'no answer'}"
    took = "" if check.latency_ms is None else f" in {seconds(check.latency_ms)} s"
    return f"{name} passed{took}"
