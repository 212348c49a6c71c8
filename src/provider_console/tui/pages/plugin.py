"""One plugin: why it is as it is, what to try, what it brings, and what stops working without it."""

from __future__ import annotations

from typing import Final, NamedTuple

from provider_console.console.views import HealthState, PluginView
from provider_console.console.words import clean_text
from provider_console.tui.glyphs import Glyphs
from provider_console.tui.ink import Line, Span, faint, head, key, left, line, muted, row, strong, wrap
from provider_console.tui.pages.plugins import WORDS, brought, condition, counted, next_start
from provider_console.tui.pages.words import MISSING, glyph, listed, pair, plural
from provider_console.tui.state import State

_LABEL: Final = 13
"""Cells of a label with the gap behind it."""
_VALUE_LINES: Final = 3
_HOOK: Final = "provider_console_"


class Loss(NamedTuple):
    """What would be gone with a plugin: providers by name, kinds, and what nobody would serve."""

    providers: tuple[str, ...]
    kinds: tuple[str, ...]
    unserved: tuple[str, ...]


def loss(view: PluginView, state: State) -> Loss:
    """What stops working without a plugin: who is spoken to by its drivers or known by its sources alone."""
    if view.state != "loaded":
        return Loss((), (), ())
    gone = {
        known.id
        for known in state.providers.values()
        if known.driver in view.drivers or (known.sources and set(known.sources) <= set(view.sources))
    }
    unserved = [pair(entry.capability) for entry in state.coverage if entry.providers and set(entry.providers) <= gone]
    names = sorted((state.name_of(name) for name in gone), key=str.casefold)
    return Loss(tuple(names), view.operations, tuple(unserved))


def without(view: PluginView, state: State) -> Line:
    """What stops working without it, in a line."""
    if view.state == "disabled":
        return line(muted("it is off: whatever it brings is not there"))
    if view.state == "quarantined":
        return line(muted("it is put aside: nothing of it is used"))
    lost = loss(view, state)
    parts: list[Line] = []
    if lost.unserved:
        parts.append(line("nobody serves ", Span(listed(lost.unserved, most=2), "bad")))
    if lost.providers:
        go = "goes" if len(lost.providers) == 1 else "go"
        parts.append(
            line(f"{plural(len(lost.providers), 'provider')} {go}", muted(f": {listed(lost.providers, most=3)}"))
        )
    if lost.kinds:
        parts.append(line(listed(lost.kinds, most=4), muted(" cannot be executed")))
    joined = [span for number, part in enumerate(parts) for span in ((muted(" · "),) if number else ()) + part]
    return tuple(joined) or line(muted("no provider and no kind of operation depends on it"))


def why(view: PluginView) -> str:
    """Why it is as it is."""
    if view.reason:
        return clean_text(view.reason)
    return "; ".join(clean_text(problem) for problem in view.problems[:3]) or "nothing is wrong"


def first_try(view: PluginView, state: State) -> Line:
    """What to try first, and the key to it."""
    coming = next_start(view, state)
    if coming:
        return line(strong(f"Restart the console: it is {coming}."), muted(" Press "), key("d"), muted(" to undo."))
    match condition(view):
        case HealthState.UNHEALTHY:
            return line(
                strong("Update or mend it, then restart."), muted(" Press "), key("d"), muted(" to keep it out.")
            )
        case HealthState.DEGRADED:
            return line(strong("Update it and restart;"), " until then the rest of it works.")
        case HealthState.OFF:
            return line(muted("Press "), key("d"), muted(" to let it in."))
    return line(muted("nothing to do"))


def facts(view: PluginView, state: State) -> list[tuple[str, Line]]:
    """Everything that is known of it but the traceback, the most needed first."""
    known = [("why", line(why(view))), ("first try", first_try(view, state)), ("without it", without(view, state))]
    known += [(what if len(names) == 1 else f"{what}s", line(_names(names))) for what, names in brought(view)]
    if view.settings:
        known.append(("settings", line(", ".join(f"[{clean_text(name, 60)}]" for name in view.settings))))
    if view.hooks:
        known.append(("hooks", line(muted(_names(tuple(name.removeprefix(_HOOK) for name in view.hooks))))))
    parts = (clean_text(view.package, 80), clean_text(view.module, 120))
    known.append(("from", line(muted(" · ".join(filter(None, parts)) or MISSING))))
    if view.news:
        known.append(("news", line(strong(clean_text(view.news)))))
    return known


def _names(names: tuple[str, ...]) -> str:
    return listed((clean_text(name, 60) for name in names), most=12)


def title(view: PluginView, width: int, glyphs: Glyphs, *, margin: int) -> Line:
    """Its name, version, mark and state."""
    which = condition(view)
    version = muted(f" {clean_text(view.version, 40)}") if view.version else ""
    said = line(head(clean_text(view.name, 60)), version, Span("  "), glyph(which, glyphs), Span(" "), WORDS[which])
    return row(left(margin, *said), width=width)


def brief(view: PluginView, state: State, width: int) -> list[Line]:
    """Two lines, for where there is no room for more."""
    margin = 1 if width < 100 else 2
    first = line(head(clean_text(view.name, 60)), Span(" "), muted(why(view)))
    second = line(muted("First: "), *first_try(view, state))
    return [row(left(margin, *each, width=width - 2 * margin), width=width) for each in (first, second)]


def below(view: PluginView, state: State, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """The detail from its rule down, in so many lines: two where there is no room for more."""
    margin = 1 if width < 100 else 2
    rule = row(left(margin, Span(glyphs.rule * (width - 2 * margin), "rule")), width=width)
    if height < 6:
        return [rule, *brief(view, state, width)][:height]
    return [rule, *aside(view, state, width, height - 1, glyphs, margin=margin)]


def aside(view: PluginView, state: State, width: int, height: int, glyphs: Glyphs, *, margin: int = 0) -> list[Line]:
    """The detail; of a traceback the last lines, as many as there is room for."""
    lines = [title(view, width, glyphs, margin=margin), (), *_listed(view, state, width, margin)]
    room = height - len(lines) - 2
    if view.traceback and room > 0:
        traced = traceback(view, width, margin)
        said = line(head("Traceback"), muted("  "), key("enter"), muted(" all of it"))
        lines += [(), row(left(margin, *said), width=width), *traced[-room:]]
    return lines[:height]


def page(view: PluginView, state: State, width: int, glyphs: Glyphs) -> list[Line]:
    """Everything that is known of it, as long as it is."""
    margin = 1 if width < 100 else 2
    lines = [(), title(view, width, glyphs, margin=margin), (), *_listed(view, state, width, margin)]
    if view.traceback:
        lines += [(), row(left(margin, head("Traceback"), muted("   the last of it, without values")), width=width)]
        lines += traceback(view, width, margin)
    return lines


def _listed(view: PluginView, state: State, width: int, margin: int) -> list[Line]:
    lines: list[Line] = []
    at = margin + _LABEL
    for name, value in facts(view, state):
        parts = wrap(value, max(10, width - at - margin), limit=_VALUE_LINES) or [()]
        lines += [
            row(left(margin, muted(name if not number else "")), left(at, *part), width=width)
            for number, part in enumerate(parts)
        ]
    return lines


def traceback(view: PluginView, width: int, margin: int) -> list[Line]:
    """Where it went wrong, line by line, the last one being what was raised; long ones are wrapped."""
    lines: list[Line] = []
    told = (view.traceback or "").expandtabs(4).splitlines()
    for number, text in enumerate(told, start=1):
        ink = faint if text.lstrip().startswith("File ") else Span if number == len(told) else muted
        indent = len(text) - len(text.lstrip())
        parts = wrap(line(ink(text.strip() or " ")), max(10, width - 2 * margin - indent))
        lines += [row(left(margin + min(indent, width // 2), *part), width=width) for part in parts]
    return lines


# --- questions and answers -----------------------------------------------------------------------------------------


def keeps_out(view: PluginView, state: State) -> list[Line]:
    """What exactly happens where a plugin is switched off."""
    lost = loss(view, state)
    if view.state == "loaded":
        lines = [line("It works on until the console ends; from the next start on it is not loaded.")]
    else:
        lines = [line("From the next start on it is not tried; nothing of it is used now.")]
    if lost.unserved:
        lines.append(line("Then nobody serves ", Span(listed(lost.unserved, most=3), "bad", bold=True), "."))
    if lost.providers:
        gone = f"{plural(len(lost.providers), 'provider')} {'goes' if len(lost.providers) == 1 else 'go'} with it: "
        lines.append(line(gone, strong(listed(lost.providers, most=6)), "."))
    if lost.kinds:
        lines.append(line("Nobody can execute ", strong(listed(lost.kinds, most=6)), "."))
    if view.settings:
        sections = listed((f"[{clean_text(name, 60)}]" for name in view.settings), most=4)
        lines.append(line(muted(f"Its settings {sections} stay in the file, are warned of and not read.")))
    lines.append(line(muted("It is written into [plugins] disabled; "), key("d"), muted(" lets it in again.")))
    return lines


def lets_in(view: PluginView) -> list[Line]:
    """What exactly happens where a plugin is switched on."""
    parts = (clean_text(view.package, 80), clean_text(view.version, 40), clean_text(view.module, 120))
    return [
        line("From the next start on it is loaded. Until then nothing changes."),
        line(muted("from "), " · ".join(filter(None, parts)) or MISSING),
        line(muted("Its code runs inside the console, with the rights of its user.")),
    ]


def checked(view: PluginView) -> str:
    """What `plugins check` finds, in a sentence."""
    name = clean_text(view.name, 60)
    match condition(view):
        case HealthState.UNHEALTHY:
            return f"{name} is put aside: {why(view)}"
        case HealthState.DEGRADED:
            return f"{name} works in part: {why(view)}"
        case HealthState.OFF:
            return f"{name} is off: {why(view)}"
    return f"{name} works: {counted(view)}"
