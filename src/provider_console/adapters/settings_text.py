"""From a text, the environment and the command line to settings with the origin of every value: pure, no I/O."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from msgspec import inspect

from provider_console.adapters import settings_check
from provider_console.adapters.environment import FILE_ONLY, laid_over, overlays
from provider_console.adapters.settings_check import NEVER_A_VALUE, Finding
from provider_console.adapters.settings_schema import Path, default_of, dotted, kinds, peel
from provider_console.adapters.toml_scan import Layout, TooMuch, scan
from provider_console.core.alerts import rules_of
from provider_console.core.credentials import KEY_SHAPES
from provider_console.core.ports.settings import LoadedSettings, Origin, SettingsInvalid, SettingsProblem
from provider_console.core.settings import TABLES, AlertsSettings, Settings
from provider_console.sdk.context import SettingsSection

FILE: Final = "config.toml"
DEFAULT: Final = Origin(source="default")
MOST_PROBLEMS: Final = 200
"""Named in one refusal: more than anybody reads, few enough that a file made of mistakes is answered at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is laid over a text, and which unknown tables it may have.

    `tolerated` names sections whose plugin is not loaded: a warning instead of an error. `only_own` True reads
    the console's own tables and lets every other one pass.
    """

    environ: Mapping[str, str]
    overrides: Mapping[str, object]
    tolerated: Collection[str] = ()
    only_own: bool = False


def parse(text: str, *, file: str) -> tuple[dict[str, Any], Layout]:
    """The text as plain values, and where each stands.

    Raises:
        SettingsInvalid: it is not TOML, or too large to be a configuration.
    """
    try:
        layout = scan(text)
    except TooMuch as error:
        line, column = Layout(text, {}).at(error.offset)
        raise _refused(file, f"{error}; no configuration needs that", line, column) from error
    if text.startswith("\ufeff"):
        raise _refused(file, "begins with a byte order mark; save it as UTF-8 without one", 1, 1)
    try:
        return tomllib.loads(text), layout
    except tomllib.TOMLDecodeError as error:
        raise _refused(file, *_toml_complaint(str(error), text, layout)) from error
    except (ValueError, RecursionError) as error:
        raise _refused(file, "is not valid TOML: a value cannot be read", None, None) from error


def read(
    text: str, *, sections: Sequence[SettingsSection], around: Surroundings, file: str, revision: str
) -> LoadedSettings:
    """What a text means.

    Raises:
        SettingsInvalid: with everything that is wrong.
    """
    written, layout = parse(text, file=file)
    tables = kinds(() if around.only_own else sections)
    merged, sources = _merged(written, tables, around)

    exposed = _exposed(text, layout)
    findings, warnings = _judged(written, tables, around)
    more, more_warnings = _judged(merged, tables, around)
    own = set(findings)
    known_lines = {problem.line for problem in exposed}
    found: list[tuple[Finding, Mapping[Path, str]]]
    found = [(finding, {}) for finding in findings if _line(finding, layout) not in known_lines]
    found += [(finding, sources) for finding in more if finding not in own]
    problems = exposed + _forbidden(around)
    problems += [_problem(finding, layout, by) for finding, by in found[:MOST_PROBLEMS]]
    if len(found) > MOST_PROBLEMS:
        problems.append(SettingsProblem(message=f"{len(found) - MOST_PROBLEMS} more problems are not shown"))
    values: dict[str, Any] = {}
    if not problems:
        values, problems = _converted(merged, tables, layout, sources)
    if problems:
        raise SettingsInvalid(file, sorted(problems, key=_place))
    said = [*warnings, *more_warnings]
    return LoadedSettings(
        settings=_settings(values, merged, revision),
        origins=_origins(merged, tables, layout, sources),
        warnings=(
            *(f"{dotted(finding.path)}: {finding.message}" for finding in dict.fromkeys(said)),
            *_unwatched(values["alerts"], layout),
            *(
                f"{section.name}: a plugin's table has the name of one of the console's own and is not read"
                for section in sections
                if section.name in TABLES
            ),
        ),
    )


def _refused(file: str, message: str, line: int | None, column: int | None) -> SettingsInvalid:
    return SettingsInvalid(file, [SettingsProblem(message=message, line=line, column=column)])


_TOML_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_TOML_WORDS: Final = (
    ("Cannot overwrite a value", "the key is given twice"),
    ("Cannot declare", "the table is given twice"),
    ("Duplicate inline table key", "the key is given twice"),
    ("Cannot mutate immutable namespace", "the table is closed and cannot be added to here"),
    ("Invalid value", "there is no value here that TOML knows; a text needs quotation marks"),
    ("Unterminated string", "a text does not end"),
    ("Expected '=' after a key", "a = is missing after the key"),
    (
        "Expected newline or end of document after a statement",
        "more stands behind the value than belongs there; a text needs quotation marks",
    ),
    ("Invalid statement", "this is no setting and no table"),
    ("Unclosed array", "a list does not end"),
    ("Unclosed inline table", "a table does not end"),
    ("Expected ']' at the end of a table declaration", "a ] is missing after the table's name"),
    ("Expected ']]' at the end of an array declaration", "a ]] is missing after the table's name"),
)


def _toml_complaint(message: str, text: str, layout: Layout) -> tuple[str, int | None, int | None]:
    """The parser's words without what it read: that could be a value nobody should see."""
    place = _TOML_PLACE.search(message)
    words = next((plain for begin, plain in _TOML_WORDS if message.startswith(begin)), "a character is out of place")
    if place is None or place.group(1) is None:
        line, column = layout.at(len(text.rstrip()))
    else:
        line, column = int(place.group(1)), int(place.group(2))
    return f"is not valid TOML: {words}", line, column


def _exposed(text: str, layout: Layout) -> list[SettingsProblem]:
    """Credentials written out anywhere, comments included."""
    problems: dict[int, SettingsProblem] = {}
    for match in KEY_SHAPES.finditer(text):
        line, column = layout.at(match.start())
        problems.setdefault(
            line,
            SettingsProblem(
                message=f"looks like the value of a credential; store it with `provider-console secrets set NAME`, "
                f"then {NEVER_A_VALUE}",
                line=line,
                column=column,
            ),
        )
    return list(problems.values())


def _line(finding: Finding, layout: Layout) -> int | None:
    place = layout.value(finding.path)
    return None if place is None else place[0]


def _merged(
    written: Mapping[str, Any], tables: Mapping[str, inspect.Type], around: Surroundings
) -> tuple[dict[str, Any], dict[Path, str]]:
    merged, sources = dict(written), dict[Path, str]()
    for overlay in overlays(around.environ, around.overrides):
        if overlay.path[0] in FILE_ONLY or (around.only_own and overlay.path[0] not in TABLES):
            continue
        laid = laid_over(merged, overlay, tables)
        if laid is not None:
            merged, path = laid
            for below in [known for known in sources if known[: len(path)] == path]:
                del sources[below]
            sources[path] = overlay.source
    return merged, sources


def _forbidden(around: Surroundings) -> list[SettingsProblem]:
    """What is laid over a table that only the file may have."""
    return [
        SettingsProblem(
            message=f"{overlay.path[0]} can only be set in {FILE} (set by {overlay.source})", path=dotted(overlay.path)
        )
        for overlay in overlays(around.environ, around.overrides)
        if overlay.path[0] in FILE_ONLY
    ]


def _judged(
    raw: Mapping[str, Any], tables: Mapping[str, inspect.Type], around: Surroundings
) -> tuple[list[Finding], list[Finding]]:
    """Problems and warnings of a whole tree."""
    problems, warnings = list[Finding](), list[Finding]()
    for name, value in raw.items():
        if name in tables:
            problems += settings_check.check(value, tables[name], (name,))
            problems += settings_check.names(value, (name,))
        elif isinstance(value, dict | list) and name in around.tolerated:
            warnings.append(Finding((name,), "is not read: its plugin is not loaded"))
        elif not around.only_own:
            rule = "" if isinstance(value, dict | list) else ", and settings live in tables"
            problems.append(Finding((name,), f"is not a known table{rule}", at_key=True, known=tuple(tables)))
    for name, kind in tables.items():
        if name not in raw:
            problems += settings_check.check({}, kind, (name,))  # a plugin's table may have required keys
    engine = raw.get("engine")
    if isinstance(engine, dict):
        problems += settings_check.delays(engine)
        if not problems:
            warnings += settings_check.oddities(engine)
    history = raw.get("history")
    if isinstance(history, dict) and not problems:
        warnings += settings_check.short_memories(history)
    return problems, warnings


def _problem(finding: Finding, layout: Layout, sources: Mapping[Path, str]) -> SettingsProblem:
    place = None
    if _source(finding.path, sources) is None:
        place = (layout.nearest_key if finding.at_key else layout.value)(finding.path)
    outside = [source for path in (finding.path, *finding.also) if (source := _source(path, sources))]
    if place is None and not outside:  # a table that only the environment speaks of
        outside = [source for path, source in sources.items() if path[: len(finding.path)] == finding.path]
    by = f" (set by {' and '.join(dict.fromkeys(outside))})" if outside else ""
    return SettingsProblem(
        message=finding.sentence() + by,
        path=dotted(finding.path),
        line=place[0] if place else None,
        column=place[1] if place else None,
    )


def _source(path: Path, sources: Mapping[Path, str]) -> str | None:
    """What outside the file set a value or a table around it."""
    return next((sources[path[:end]] for end in range(len(path), 0, -1) if path[:end] in sources), None)


def _unwatched(alerts: AlertsSettings, layout: Layout) -> Iterator[str]:
    """Rules of alerts that cannot be understood: they stop neither the others nor the rest of the configuration."""
    for place, problem in rules_of(alerts)[1].items():
        path: Path = ("alerts", "rules", place, "when")
        found = layout.value(path) or layout.nearest_key(path)
        line = "" if found is None else f" (line {found[0]})"
        yield f"{dotted(path)}{line}: {problem}"


def _place(problem: SettingsProblem) -> tuple[bool, int, int, str]:
    return problem.line is None, problem.line or 0, problem.column or 0, problem.path


def _converted(
    merged: Mapping[str, Any], tables: Mapping[str, inspect.Type], layout: Layout, sources: Mapping[Path, str]
) -> tuple[dict[str, Any], list[SettingsProblem]]:
    """Each table as its type; the last word is msgspec's and the plugin's own `__post_init__`."""
    values, problems = {}, []
    for name, kind in tables.items():
        try:
            values[name] = msgspec.convert(merged.get(name, {}), _class(kind))
        except msgspec.ValidationError as error:
            said = KEY_SHAPES.sub("...", str(error).partition(" - at `")[0])[:200]
            problems.append(_problem(Finding((name,), f"is not usable: {said}", at_key=True), layout, sources))
    return values, problems


def _class(kind: inspect.Type) -> type[Any]:
    bare = peel(kind).kind
    if not isinstance(bare, inspect.StructType):
        raise TypeError("a section of the settings must be a msgspec.Struct")
    return bare.cls


def _settings(values: Mapping[str, Any], merged: Mapping[str, Any], revision: str) -> Settings:
    own = {name: values[name] for name in TABLES if name != "access" or name in merged}
    sections = {name: value for name, value in values.items() if name not in TABLES}
    return Settings(**own, sections=sections, revision=revision)


def _origins(
    merged: Mapping[str, Any], tables: Mapping[str, inspect.Type], layout: Layout, sources: Mapping[Path, str]
) -> dict[str, Origin]:
    origins = {}
    for name, kind in tables.items():
        for path, given in _leaves(merged.get(name, {}), kind, (name,)):
            origins[dotted(path)] = _origin(path, layout, sources) if given else DEFAULT
    return origins


def _origin(path: Path, layout: Layout, sources: Mapping[Path, str]) -> Origin:
    source = _source(path, sources)
    if source is not None:
        return Origin(source=source)
    place = layout.key(path)
    return Origin(source=FILE, line=place[0] if place else None)


def _leaves(value: Any, kind: inspect.Type, path: Path) -> Iterator[tuple[Path, bool]]:
    """Every setting below a value, and whether it was given or is a default."""
    bare = peel(kind).kind
    if isinstance(bare, inspect.StructType) and isinstance(value, dict):
        for field in bare.fields:
            here = (*path, field.encode_name)
            if field.encode_name in value:
                yield from _leaves(value[field.encode_name], field.type, here)
            elif isinstance(peel(field.type).kind, inspect.StructType) and default_of(field) is not None:
                yield from _leaves({}, field.type, here)
            else:
                yield here, False
    elif isinstance(bare, inspect.DictType) and isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, bare.value_type, (*path, key))
    else:
        yield path, True
