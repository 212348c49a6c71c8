"""Tables of which there may be any number (alert rules, providers): what they are, and changes to whole ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from provider_console.console.views import ConfigView, SettingView, TableView
from provider_console.tui.glyphs import Glyphs
from provider_console.tui.ink import Line, Span, faint, head, key, left, line, muted, row
from provider_console.tui.pages.unsaved import ABSENT, Unsaved, Written
from provider_console.tui.pages.values import allowed, read, same, shown, typed_of, words_of
from provider_console.tui.pages.words import plural

SHORT: Final = 30
"""Below so many rows the blank ones go."""


class Item(NamedTuple):
    """One table: its kind, its name or place (None: a new one), and what the file would say in it."""

    kind: TableView
    name: str | int | None
    values: Mapping[str, Any]

    @property
    def key(self) -> str:
        """Its key, with the place of one in a list as messages say it."""
        if self.name is None:
            return f"{self.kind.key}[]"
        return f"{self.kind.key}[{self.name}]" if isinstance(self.name, int) else f"{self.kind.key}.{self.name}"


def one_of(kind: TableView) -> str:
    """What one of them is called.

    >>> one_of(TableView(key="alerts.rules", named=False, fields=()))
    'rule'
    >>> one_of(TableView(key="engine.categories", named=True, fields=()))
    'category'
    """
    many = kind.key.rpartition(".")[2]
    return f"{many[:-3]}y" if many.endswith("ies") else many.removesuffix("s")


def kinds(view: ConfigView | None, section: str) -> list[TableView]:
    """The kinds of table in a section."""
    return [] if view is None else [each for each in view.tables if each.key.partition(".")[0] == section]


def items(kind: TableView, unsaved: Unsaved, now: Written) -> list[Item]:
    """Every table of a kind as the file would have it with what is not saved."""
    base = unsaved.base if unsaved.changes else now
    there = base.value(kind.key)
    if not kind.named:
        value = unsaved.changes.get(kind.key, there)
        listed = value if isinstance(value, list | tuple) else ()
        return [Item(kind, place, each) for place, each in enumerate(listed) if isinstance(each, Mapping)]
    tables = {name: dict(each) for name, each in there.items()} if isinstance(there, Mapping) else {}
    for changed, value in unsaved.changes.items():
        if not changed.startswith(f"{kind.key}."):
            continue
        name, _, field = changed.removeprefix(f"{kind.key}.").partition(".")
        if field:
            tables[name] = _with(tables.get(name, {}), field, value)
        elif value is None:
            tables.pop(name, None)
        else:
            tables[name] = dict(value)
    return [Item(kind, name, each) for name, each in tables.items()]


def _with(table: Mapping[str, Any], field: str, value: Any) -> dict[str, Any]:
    """A table with the value of a field, which may be in a table of its own; None takes it out."""
    first, _, rest = field.partition(".")
    inner = _with(table.get(first) or {}, rest, value) if rest else value
    made = {**table, first: inner}
    return {name: each for name, each in made.items() if each not in (None, {})}


def value_of(item: Item, field: SettingView) -> Any:
    """What the table says of a field; its default where it says nothing."""
    step: Any = item.values
    for part in field.key.split("."):
        step = step.get(part, ABSENT) if isinstance(step, Mapping) else ABSENT
    return field.default if step is ABSENT else step


def entry_of(item: Item, field: SettingView) -> str:
    """What stands in the entry of a field at first."""
    value = value_of(item, field)
    return shown(value) if words_of(field) else typed_of(value)


def read_all(fields: Sequence[SettingView], typed: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The values that were typed, and what is wrong by field."""
    values: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for field in fields:
        try:
            values[field.key] = read(field, typed.get(field.key, ""))
        except ValueError as error:
            wrong[field.key] = str(error)
    return values, wrong


def made(item: Item, name: str, values: Mapping[str, Any], known: Sequence[Item], *, saved: bool) -> dict[str, Any]:
    """The changes that make a table what was typed; `saved`: the file has it, so that only what differs is touched."""
    kind = item.kind
    table: dict[str, Any] = dict(item.values)
    differ: dict[str, Any] = {}
    for field in kind.fields:
        value, before = values[field.key], value_of(item, field)
        if same(value, before):
            continue
        differ[field.key] = value = None if same(value, field.default) else value
        table = _with(table, field.key, value)
    if not kind.named:
        listed = [dict(each.values) for each in known]
        if isinstance(item.name, int):
            listed[item.name] = table
        else:
            listed.append(table)
        return {kind.key: listed}
    if saved:
        return {f"{kind.key}.{name}.{field}": value for field, value in differ.items()}
    return {f"{kind.key}.{name}": table}


def removed(item: Item, known: Sequence[Item]) -> dict[str, Any]:
    """The change that takes a table out."""
    if item.kind.named:
        return {item.key: None}
    return {item.kind.key: [dict(each.values) for each in known if each.name != item.name] or None}


# --- painting ----------------------------------------------------------------------------------------------------


def headline(found: Sequence[Item], section: str, width: int, refused: str | None) -> list[Line]:
    """How many there are."""
    margin = 1 if width < 100 else 2
    first = head(f"{plural(len(found), 'table')} in {section}. ") if found else head(f"No table in {section} yet. ")
    said = line(first, muted("What you change is looked at before it is saved."))
    lines = [row(left(margin, *said), width=width)]
    return [*lines, row(left(margin, Span(f"To change it {refused}.", "held")), width=width)] if refused else lines


def item_row(item: Item, unsaved: Unsaved, width: int, glyphs: Glyphs, *, selected: bool) -> Line:
    """One table: its name and what it says; or the way to a new one."""
    margin = 1 if width < 100 else 2
    at = 26 if width < 100 else 34
    if item.name is None:
        return row(left(margin + 2, key("n"), muted(f" new {one_of(item.kind)}")), width=width)
    title = str(item.name if isinstance(item.name, str) else item.values.get("name") or item.values.get("url", ""))
    said = title[: at - margin - 4]
    facts = [
        f"{field.key} {shown(value)}"
        for field in item.kind.fields
        if not same(value := value_of(item, field), field.default) and (item.kind.named or value != title)
    ]
    if isinstance(item.name, int):
        there = unsaved.base.value(item.kind.key)
        changed = item.kind.key in unsaved.changes and (there is ABSENT or item.values not in there)
    else:
        changed = any(f"{each}.".startswith(f"{item.key}.") for each in unsaved.changes)
    mark = Span(glyphs.healthy if changed else " ", "accent")
    return row(
        left(margin, mark),
        left(margin + 2, head(said) if selected else said),
        left(at, muted(" · ".join(facts)), width=width - at - margin),
        width=width,
    )


def header(width: int, glyphs: Glyphs) -> list[Line]:
    """The names of the columns."""
    margin = 1 if width < 100 else 2
    names = row(left(margin + 2, muted("Table")), left(26 if width < 100 else 34, muted("What it says")), width=width)
    return [names, row(left(margin, Span(glyphs.rule * (width - 2 * margin), "rule")), width=width)]


def note(field: SettingView, wrong: str | None) -> Line:
    """What stands beside the entry of a field."""
    unit = f" {field.unit}" if field.unit else ""
    if words_of(field) and field.description:
        return note_of(field.description, wrong)
    may = f"{allowed(field)}{unit}"
    return note_of(f"{field.description} · {may}" if field.description else may, wrong)


def note_of(about: str, wrong: str | None) -> Line:
    """What is wrong, else what it is about."""
    return line(muted(about) if wrong is None else Span(wrong, "bad"))


def form_headline(item: Item, wrong: str | None, width: int) -> list[Line]:
    """Which table it is, and what is wrong with it as a whole."""
    margin = 1 if width < 100 else 2
    title = f"A new {one_of(item.kind)}. " if item.name is None else f"{item.key}. "
    said = faint("Nothing is saved yet.") if wrong is None else Span(wrong, "bad")
    return [row(left(margin, head(title), said), width=width)]
