"""Config: every setting with its value, what it may be, and where it came from."""

from __future__ import annotations

from pathlib import PurePath
from typing import Final

from provider_console.console.views import ConfigView, SettingView
from provider_console.tui.glyphs import Glyphs
from provider_console.tui.ink import Line, Span, faint, head, key, left, line, muted, right, row, wrap
from provider_console.tui.pages.difference import block, diff_lines, impact_line, impact_lines
from provider_console.tui.pages.frame import first_problem
from provider_console.tui.pages.unsaved import ABSENT, Unsaved, Written
from provider_console.tui.pages.values import allowed, same, shown
from provider_console.tui.pages.words import plural
from provider_console.tui.state import State

SECRETS: Final = "secrets"
"""The section that is no table of the file: credentials by name."""
REMOVED: Final = "removed"
DEFAULT: Final = "default"
WIDE: Final = 180
"""From this width on a setting's description stands in its row."""


# --- which ones --------------------------------------------------------------------------------------------------


def sections(state: State) -> list[str]:
    """The tables of the configuration in the order of their settings, then the secrets; none before it is read."""
    if state.config is None:
        return []
    settings = state.config.settings
    return [*dict.fromkeys(each.key.partition(".")[0] for each in settings), SECRETS]


def entries(state: State, chosen: str, needle: str = "") -> list[SettingView]:
    """The settings of a section; with a filter, those of all sections that match all of its words."""
    settings = () if state.config is None else state.config.settings
    words = needle.casefold().split()
    if not words:
        return [each for each in settings if each.key.partition(".")[0] == chosen]
    return [each for each in settings if all(word in _haystack(each) for word in words)]


def _haystack(setting: SettingView) -> str:
    return " ".join((setting.key, shown(setting.value), setting.description, setting.origin)).casefold()


def group_of(setting: SettingView) -> str:
    """What a setting stands together with: the table it is in."""
    return setting.key.rpartition(".")[0]


def hidden_by(setting: SettingView, view: ConfigView) -> str | None:
    """What wins over the file: an environment variable's name, or `the command line`; None where nothing does."""
    if setting.origin == DEFAULT or setting.origin.startswith(PurePath(view.file).name):
        return None
    return setting.origin if setting.origin.startswith("PROVIDER_") else "the command line"


def is_default(setting: SettingView) -> bool:
    """Whether it has the value that it has by itself."""
    return setting.origin == DEFAULT or same(setting.value, setting.default)


# --- the sentence ------------------------------------------------------------------------------------------------


def headline(state: State, unsaved: Unsaved, found: int, needle: str, width: int) -> list[Line]:
    """What is set in one sentence, and what is not saved; how the file is, and which revision."""
    margin = 1 if width < 100 else 2
    view = state.config
    if view is None:
        return [row(left(margin, head("Reading the configuration …")), width=width), ()]
    name = PurePath(view.file).name
    beside = line(muted(f"{name} · revision "), view.revision[:8]) if width >= 100 else ()
    history = line(key("h"), muted(" history")) if width >= 100 else ()
    return [
        row(left(margin, *_sentence(view, unsaved, found, needle)), right(width - margin, *beside), width=width),
        row(left(margin, *_standing(state, view)), right(width - margin, *history), width=width),
    ]


def _sentence(view: ConfigView, unsaved: Unsaved, found: int, needle: str) -> Line:
    if needle and not found:
        return line(head("Filter found nothing"), muted("   / "), needle, muted(" matches no setting."))
    if unsaved:
        first = head(f"{unsaved.said}, not saved. ")
        if unsaved.problem is not None:
            return line(first, Span("It could not be used.", "bad", bold=True))
        return line(first, *(() if unsaved.impact is None else impact_line(unsaved.impact)))
    if view.problem is not None:
        return line(head("The file cannot be used. "), "The last good configuration is in force.")
    if needle:
        return line(head(f"{plural(found, 'setting')} of {len(view.settings)}"), muted("   / "), needle)
    set_here = sum(not is_default(each) for each in view.settings)
    return line(head(f"{set_here} of {plural(len(view.settings), 'setting')} set; "), "the others have their default.")


def _standing(state: State, view: ConfigView) -> Line:
    refused = state.may("set_config")
    if refused is not None:
        role = "" if state.who is None else f"you are {state.who.role.replace('_', ' ')}"
        return line(Span(f"To change it {refused}; {role}.", "held"))
    if view.problem is not None:
        place, _problem, _others = first_problem(view.problem)
        return line(Span(f"Mend {place}: ", "bad"), key("e"), muted(" opens it; it is read again within 2 s."))
    origins = [hidden_by(each, view) for each in view.settings]
    environment = sum(each is not None and each.startswith("PROVIDER_") for each in origins)
    command_line = sum(each == "the command line" for each in origins)
    said = (
        f"The file is valid. The environment sets {_many(environment)}, the command line {_many(command_line, of='')}."
    )
    if view.warnings:
        return line(Span(f"{view.warnings[0]}. ", "warn"), muted(said))
    return line(muted(said))


def _many(count: int, of: str = "value") -> str:
    return "none" if not count else plural(count, of) if of else f"{count}"


# --- the tables --------------------------------------------------------------------------------------------------


def section_width(width: int) -> int:
    """Cells of the list of sections."""
    return 15 if width < 100 else 20


def sections_header(width: int, glyphs: Glyphs, *, ruled: bool) -> list[Line]:
    """The name of the list of sections."""
    margin = 1 if width < 20 else 2
    rule = [row(left(margin, Span(glyphs.rule * (width - margin - 3), "rule")), width=width)] if ruled else []
    return [row(left(margin, muted("Section")), width=width), *rule]


def section_row(name: str, unsaved: Unsaved, width: int, glyphs: Glyphs, *, selected: bool) -> Line:
    """One section, with a mark where something in it is not saved."""
    margin = 1 if width < 20 else 2
    mark = Span(glyphs.healthy, "accent") if name in unsaved.sections() else Span(" ")
    said = head(name) if selected else muted(name)
    return row(left(margin, said, width=width - margin - 3), right(width - 2, mark), width=width)


def columns(width: int) -> tuple[int, int, int, int, bool]:
    """Right edge of the value, then where unit, allowed and origin begin, and whether there is room for allowed."""
    if width < 80:
        return 41, 43, 51, 51, False
    # The widest of what is allowed is 1,000 – 86,400,000.
    return 39, 41, 51, 70 if width >= 96 else 68, True


def header(width: int, glyphs: Glyphs, *, ruled: bool) -> list[Line]:
    """The names of the columns."""
    value, unit, may, origin, roomy = columns(width)
    cells = [left(2, muted("Setting")), right(value, muted("Value")), left(unit, muted("Unit"))]
    cells += [left(may, muted("Allowed"))] if roomy else []
    cells += [left(origin, muted("From"))]
    if width >= WIDE - 20:
        cells += [left(origin + 30, muted("What it is"))]
    rule = [row(left(0, Span(glyphs.rule * (width - 2), "rule")), width=width)] if ruled else []
    return [row(*cells, width=width), *rule]


def setting_row(
    setting: SettingView, state: State, unsaved: Unsaved, width: int, glyphs: Glyphs, *, selected: bool, whole: bool
) -> Line:
    """One setting; `whole` names it with its section. What was typed and not saved stands in place of the value."""
    view = state.config
    if view is None:
        return ()
    value, unit, may, origin, roomy = columns(width)
    refused = state.may("set_config") is not None
    plain = faint if refused else Span
    name = setting.key if whole else setting.key.partition(".")[2]
    outcome = unsaved.outcome(setting.key)
    changed = outcome is not ABSENT
    figure = _value(setting, unsaved, muted_all=refused)
    said = shown(outcome) if changed else shown(setting.value)
    room = value - 2 - min(len(name), 26) - 2
    cells = [left(2, head(name) if selected else plain(name), width=max(26, value - 3 - len(said)))]
    if changed and room >= len(said) + 8 + len(shown(setting.value)):
        cells.append(right(value - len(said) - 1, muted(f"was {shown(setting.value)}")))
    cells.append(right(value, *figure, width=max(8, min(room, value - 4))))
    mark = Span(f"{glyphs.healthy} ", "accent") if changed else Span("")
    cells.append(left(unit, mark, plain(setting.unit or "") if refused else muted(setting.unit or ""), width=9))
    if roomy:
        cells.append(left(may, plain(allowed(setting)) if refused else muted(allowed(setting)), width=origin - may - 1))
    source = _origin(setting, view, brief=not roomy)
    cells.append(left(origin, *source, width=28 if width >= WIDE - 20 else width - origin - 2))
    if width >= WIDE - 20:
        cells.append(left(origin + 30, muted(setting.description), width=width - origin - 32))
    return row(*cells, width=width)


def _value(setting: SettingView, unsaved: Unsaved, *, muted_all: bool) -> Line:
    value = unsaved.outcome(setting.key)
    if value is not ABSENT:
        gone = unsaved.changed_by(setting.key) != setting.key
        said = REMOVED if gone else shown(setting.default) if value is None else shown(value)
        return line(Span(said, "accent", bold=True, underline=True))
    said = shown(setting.value)
    if muted_all or setting.value in (None, "", [], (), {}):
        return line(faint(said))
    return line(Span(said, "text", bold=not is_default(setting)))


def _origin(setting: SettingView, view: ConfigView, *, brief: bool) -> Line:
    over = hidden_by(setting, view)
    if over is not None:
        said = "environment" if over.startswith("PROVIDER_") else "command line"
        return line(said) if brief else line(said, muted(", not the file"))
    if setting.origin == DEFAULT:
        return line(faint(DEFAULT))
    return line(f"line {setting.origin.rpartition(':')[2]}" if brief else setting.origin)


# --- below the tables --------------------------------------------------------------------------------------------


def explained(
    setting: SettingView, state: State, written: Written, at: int, width: int, *, wrong: str | None = None
) -> list[Line]:
    """What the selected setting is, what it may be, and what hides its value in the file; or what is wrong with it."""
    margin = 1 if width < 100 else 2
    view = state.config
    about = f"{setting.description or 'a setting'}. Must be {setting.allowed}. Default: {shown(setting.default)}."
    said = line(f"{setting.key}  ", muted(about) if wrong is None else Span(wrong, "bad"))
    lines = [row(left(at, *each), width=width) for each in wrap(said, width - at - margin, limit=2)]
    over = None if view is None else hidden_by(setting, view)
    if over is not None:
        there = written.value(setting.key)
        beneath = "the file says nothing of it" if there is ABSENT else f"the file's {shown(there)} is hidden by it"
        lines.append(row(left(at, Span(f"{over} wins: {beneath}.", "warn")), width=width))
    return lines


def what_changes(unsaved: Unsaved, state: State, at: int, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """The difference and what it would change, in at most `height` lines; empty where nothing is unsaved."""
    margin = 1 if width < 100 else 2
    if not unsaved or height < 4:
        return []
    if unsaved.problem is not None:
        said = wrap(line(Span(unsaved.problem.replace("\n", "; "), "bad")), width - at - margin, limit=height - 1)
        return [(), *(row(left(at, *each), width=width) for each in said)]
    if unsaved.impact is None:
        return [(), row(left(at, faint("finding out what it changes …")), width=width)]
    impact = impact_lines(unsaved.impact, state, at, width, max(1, height // 3))
    diff = diff_lines(unsaved.impact.diff, at, width, max(3, height - len(impact) - 4), glyphs)
    return [(), *block("Diff", diff, width), (), *block("Impact", impact, width)]


def settings_of(view: ConfigView | None) -> dict[str, SettingView]:
    """Every setting by its key."""
    return {} if view is None else {each.key: each for each in view.settings}
