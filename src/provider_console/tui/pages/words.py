"""Figures, times and states in the words and forms that every page uses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import PurePath
from typing import Final

from provider_console.console.views import HealthState
from provider_console.tui.glyphs import Glyphs
from provider_console.tui.ink import Span, faint

MISSING: Final = "–"

STATE: Final[Mapping[HealthState, tuple[str, str]]] = {
    HealthState.UNHEALTHY: ("down", "bad"),
    HealthState.DEGRADED: ("degraded", "warn"),
    HealthState.HELD: ("held", "held"),
    HealthState.UNKNOWN: ("unknown", "faint"),
    HealthState.HEALTHY: ("healthy", "ok"),
    HealthState.OFF: ("off", "faint"),
}
"""Word and ink of each state, worst first: the order of every list and tally."""

ORDER: Final = {state: place for place, state in enumerate(STATE)}


def glyph(state: HealthState | str, glyphs: Glyphs) -> Span:
    """The mark of a state in its ink."""
    known = HealthState(state) if state in HealthState.__members__.values() else HealthState.UNKNOWN
    return Span(glyphs.of(known.value), STATE[known][1])


def duration(ms: float) -> str:
    """A span as people say it: the larger two units.

    >>> [duration(ms) for ms in (340, 14_200, 126_000, 120_000, 7_260_000, 200_000_000)]
    ['0.3 s', '14 s', '2 m 06 s', '2 m', '2 h 01 m', '2 d 7 h']
    """
    whole = round(ms / 1000)
    if whole < 1:
        return f"{max(0.0, ms) / 1000:.1f} s"
    if whole < 60:
        return f"{whole} s"
    for unit, size, lesser, part, digits in (("m", 60, "s", 1, 2), ("h", 3600, "m", 60, 2), ("d", 86400, "h", 3600, 1)):
        if whole < size * (60 if unit == "m" else 24) or unit == "d":
            rest = whole % size // part
            return f"{whole // size} {unit} {rest:0{digits}} {lesser}" if rest else f"{whole // size} {unit}"
    return MISSING


def brief(ms: float) -> str:
    """A span in its largest unit alone, for where there is little room.

    >>> [brief(ms) for ms in (340, 14_200, 126_000, 7_260_000, 200_000_000)]
    ['0.3 s', '14 s', '2 m', '2 h', '2 d']
    """
    return " ".join(duration(ms).split()[:2])


def seconds(ms: float | None, decimals: int = 2) -> str:
    """Milliseconds as seconds without their unit, which stands in the header.

    >>> seconds(1080.4), seconds(None), seconds(15_000, 1)
    ('1.08', '–', '15.0')
    """
    return MISSING if ms is None else f"{ms / 1000:.{decimals}f}"


def figure(value: float | None) -> str:
    """A count.

    >>> figure(1284), figure(0), figure(None)
    ('1,284', '0', '–')
    """
    return MISSING if value is None else f"{value:,.0f}"


def percent(value: float | None, decimals: int = 1) -> str:
    """A percentage without its sign, rounded down so that only all is 100.

    >>> percent(99.96), percent(100.0), percent(None)
    ('99.9', '100.0', '–')
    """
    if value is None:
        return MISSING
    scale = 10**decimals
    return f"{int(value * scale + 1e-9) / scale:.{decimals}f}"


def quiet(text: str, ink: str = "text", *, bold: bool = False) -> Span:
    """A figure in its ink; one that is missing or zero is faint."""
    return faint(text) if text in (MISSING, "0") else Span(text, ink, bold)


def wall(moment: str | float | None) -> float | None:
    """A moment as seconds since 1970.

    >>> wall("2026-11-22T14:03:11.204Z")
    1795356191.204
    """
    if moment is None or isinstance(moment, float | int):
        return moment
    return datetime.fromisoformat(moment).timestamp()


def clock(moment: str | float) -> str:
    """The time of day of a moment, here; with the day where that is another one is not known to a page.

    >>> len(clock("2026-11-22T14:03:11.204Z"))
    8
    """
    at = wall(moment)
    return MISSING if at is None else datetime.fromtimestamp(at).astimezone().strftime("%H:%M:%S")


def day(moment: str | float) -> str:
    """The day and the time of day of a moment, here, to the minute.

    >>> len(day("2026-11-22T14:03:11.204Z"))
    16
    """
    at = wall(moment)
    return MISSING if at is None else datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M")


def moment(at: str | float, now: float) -> str:
    """A moment to the minute, here; with its day where that is not the day of `now`.

    >>> len(moment("2026-11-22T14:03:11.204Z", 1763820191.204))
    16
    """
    said = day(at)
    return said.removeprefix(day(now)[:11])


def ago(moment: str | float | None, now: float) -> str:
    """How long ago a moment was.

    >>> ago(100.0, 108.4)
    '8 s'
    """
    at = wall(moment)
    return MISSING if at is None else duration(max(0.0, now - at) * 1000)


def plural(count: int, one: str, many: str | None = None) -> str:
    """A count with its word.

    >>> plural(1, "provider"), plural(4, "provider")
    ('1 provider', '4 providers')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listed(names: Iterable[str], *, most: int = 4) -> str:
    """Names in a row; those beyond `most` are counted.

    >>> listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    known = list(names)
    shown = ", ".join(known[:most])
    return shown if len(known) <= most else f"{shown} and {len(known) - most} more"


def pair(capability: str) -> str:
    """A capability as it is shown: `translate:en>sr` is `translate en›sr`.

    >>> pair("translate:en>sr"), pair("text_generation")
    ('translate en›sr', 'text_generation')
    """
    return capability.replace(":", " ").replace(">", "›")


def short_path(file: str) -> str:
    """A path with the user's home as `~`; foreign text like any other.

    >>> short_path("/home/alice/.config/provider-console/config.toml")
    '~/.config/provider-console/config.toml'
    """
    path = PurePath(file)
    for parent in path.parents:
        if parent.parent.name in ("home", "Users") or str(parent) == "/root":
            return f"~/{path.relative_to(parent)}"
    return file
