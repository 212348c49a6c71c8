"""Themes: TOML files of colours by meaning. A bad one is reported and left out; contrast is measured, not hoped for."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from provider_console.console.words import clean_text, did_you_mean

if TYPE_CHECKING:
    from textual.theme import Theme as TextualTheme

DEFAULT_THEME: Final = "console-dark"

TEXTS: Final = ("faint", "muted", "text", "head", "accent", "ok", "warn", "bad", "held")
"""Colours that words are written in."""
GRAPHICS: Final = ("line", "okf", "warnf", "badf")
"""Colours that lines and blocks are drawn in."""
PAPERS: Final = ("bg", "sel", "rule", "add", "del")
"""Backgrounds, and the rule, which is decoration."""
TOKENS: Final = (*PAPERS[:3], *TEXTS, *GRAPHICS, *PAPERS[3:])

GATES: Final[Mapping[str, tuple[float, float, float]]] = {"usual": (4.5, 4.0, 3.0), "high contrast": (7.0, 7.0, 3.0)}
"""The least contrast of texts on the page, of texts on what is selected, and of graphics on the page."""

LIMIT: Final = 16 * 1024
"""Bytes of a theme file."""
MOST: Final = 100
"""Theme files of a folder that are read."""
NEARLY_GREY: Final = 32
"""A colour whose channels lie no further apart, of 255, is taken for a grey."""
_NAME: Final = re.compile("[a-z0-9][a-z0-9-]{0,39}")
_COLOUR: Final = re.compile("#[0-9a-fA-F]{6}")


class ThemeInvalid(ValueError):
    """A theme cannot be used; the message names the file, the key, and what was expected."""


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours by token, as #rrggbb, and where the theme is written."""

    name: str
    title: str
    dark: bool
    gate: str
    colours: Mapping[str, str]
    where: str = ""

    def __getitem__(self, token: str) -> str:
        return self.colours[token]


@dataclass(frozen=True, slots=True)
class Themes:
    """The themes that can be used, by name, why others cannot, and where they were looked for."""

    themes: Mapping[str, Theme]
    problems: tuple[str, ...] = ()
    folders: tuple[Path, ...] = ()
    files: tuple[Path, ...] = ()


def load_themes(folders: Iterable[Path], files: Iterable[Path] = ()) -> Themes:
    """The themes that come with the console, then those of folders, then single files (those of plugins).

    A later theme of the same name takes the place of an earlier one, but never of one that comes with the console.
    """
    folders, files = tuple(folders), tuple(files)
    themes: dict[str, Theme] = {}
    problems: list[str] = []
    for file in sorted(shipped().glob("*.toml")):
        theme = read_theme(file)
        themes[theme.name] = theme
    own = frozenset(themes)
    for file in candidates(folders, files):
        try:
            theme = read_theme(file)
        except ThemeInvalid as problem:
            problems.append(str(problem))
            continue
        if theme.name in own:
            problems.append(f"{file}: the theme {theme.name} comes with the console; give yours another name")
        else:
            themes[theme.name] = theme
    return Themes(themes, tuple(problems), folders, files)


def shipped() -> Path:
    """The folder of the themes that come with the console: in the wheel, or in a checkout."""
    packaged = Path(__file__).parents[1] / "themes"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "themes"


def theme_files(folder: Path) -> list[Path]:
    """The theme files of a folder; none where there is no folder. Links are not followed out of it."""
    try:
        files = sorted(file for file in folder.glob("*.toml") if file.is_file() and not file.is_symlink())
    except OSError:
        return []
    return files[:MOST]


def candidates(folders: Iterable[Path], files: Iterable[Path] = ()) -> list[Path]:
    """The theme files of folders, then single ones."""
    return [*(file for folder in folders for file in theme_files(folder)), *files]


def stamp(folders: Iterable[Path], files: Iterable[Path] = ()) -> tuple[tuple[str, int, int], ...]:
    """What tells whether a theme file changed: name, modification (ns) and size of each."""
    stamps = []
    for file in candidates(folders, files):
        try:
            status = file.stat()
        except OSError:
            continue
        stamps.append((str(file), status.st_mtime_ns, status.st_size))
    return tuple(stamps)


def read_theme(file: Path) -> Theme:
    """A theme from its file.

    Raises:
        ThemeInvalid
    """
    try:
        with file.open("rb") as source:
            data = source.read(LIMIT + 1)
    except OSError as error:
        raise ThemeInvalid(f"{file}: cannot be read ({error.strerror})") from None
    if len(data) > LIMIT:
        raise ThemeInvalid(f"{file}: larger than {LIMIT:,} bytes; a theme is a name and {len(TOKENS)} colours")
    try:
        table = tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise ThemeInvalid(f"{file}: not UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ThemeInvalid(f"{file}: {clean_text(str(error))}") from None
    return checked(table, where=str(file))


def checked(table: Mapping[str, Any], *, where: str) -> Theme:
    """A theme from its table.

    Raises:
        ThemeInvalid: a key or a colour is wrong, missing or unknown, or a contrast is too low.
    """
    known = ("name", "title", "appearance", "gate", "colours")
    _only(table, known, where)
    name = table.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ThemeInvalid(f"{where}: name: expected letters, digits and hyphens, at most 40")
    title = table.get("title", name)
    if not isinstance(title, str) or len(title) > 60:
        raise ThemeInvalid(f"{where}: title: expected a text of at most 60 characters")
    appearance = table.get("appearance", "dark")
    if appearance not in ("dark", "light"):
        raise ThemeInvalid(f'{where}: appearance: expected "dark" or "light"')
    gate = table.get("gate", "usual")
    if gate not in GATES:
        raise ThemeInvalid(f"{where}: gate: expected {' or '.join(f'{each!r}' for each in GATES)}")
    colours = table.get("colours")
    if not isinstance(colours, Mapping):
        raise ThemeInvalid(f"{where}: the table [colours] is missing")
    _only(colours, TOKENS, f"{where}: [colours]")
    for token in TOKENS:
        if token not in colours:
            raise ThemeInvalid(f"{where}: [colours] {token} is missing")
        if not isinstance(colours[token], str) or not _COLOUR.fullmatch(colours[token]):
            shown = clean_text(str(colours[token]), 20)
            raise ThemeInvalid(f"{where}: [colours] {token} = {shown!r}: expected a colour such as #8fb0ff")
    known_colours = {token: colours[token] for token in TOKENS}
    theme = Theme(name, clean_text(title), appearance == "dark", gate, known_colours, where)
    low = too_low(theme)
    if low:
        raise ThemeInvalid(f"{where}: {low[0]}")
    return theme


def _only(table: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    for key in table:
        if key not in known:
            shown = clean_text(key, 40)
            raise ThemeInvalid(f"{where}: unknown key {shown!r}{did_you_mean(shown, known)}")


def too_low(theme: Theme) -> list[str]:
    """Each contrast that misses the theme's gate, in words."""
    on_page, on_selected, graphic = GATES[theme.gate]
    wanted = [(token, "bg", on_page) for token in TEXTS]
    wanted += [(token, "sel", on_selected) for token in TEXTS]
    wanted += [(token, "bg", graphic) for token in GRAPHICS]
    return [
        f"{token} {theme[token]} on {paper} {theme[paper]} has a contrast of {ratio:.1f}; at least {least} is needed"
        for token, paper, least in wanted
        if (ratio := contrast(theme[token], theme[paper])) < least - 0.05
    ]


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours (WCAG 2.2, relative luminance), 1 to 21.

    >>> round(contrast("#ffffff", "#000000"), 1), round(contrast("#d8dde4", "#0f1216"), 1)
    (21.0, 13.8)
    """
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def in_256(theme: Theme) -> Theme:
    """The theme on a terminal of 256 colours: papers and lines that are nearly grey are its nearest grey.

    Its cube has nothing between 0 and 95 in a channel: a blue-grey rule would be teal, the selected row navy.

    >>> in_256(read_theme(shipped() / "console-dark.toml"))["rule"]
    '#303030'
    """
    colours = {
        token: _grey(theme[token]) if token in (*PAPERS, "line") else colour for token, colour in theme.colours.items()
    }
    return replace(theme, colours=colours)


def _grey(colour: str) -> str:
    channels = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    if max(channels) - min(channels) > NEARLY_GREY or not 8 <= sum(channels) / 3 <= 238:
        return colour
    level = 8 + 10 * round((sum(channels) / 3 - 8) / 10)
    return f"#{level:02x}{level:02x}{level:02x}"


def textual_theme(theme: Theme) -> TextualTheme:
    """The theme for Textual: `$pc-` variables for our tcss, and Textual's own colours for its stock widgets."""
    from textual.theme import Theme as TextualTheme

    return TextualTheme(
        name=theme.name,
        primary=theme["accent"],
        secondary=theme["accent"],
        accent=theme["accent"],
        foreground=theme["text"],
        background=theme["bg"],
        surface=theme["bg"],
        panel=theme["sel"],
        success=theme["ok"],
        warning=theme["warn"],
        error=theme["bad"],
        dark=theme.dark,
        variables={
            **{f"pc-{token}": colour for token, colour in theme.colours.items()},
            "scrollbar": theme["rule"],
            "scrollbar-hover": theme["line"],
            "scrollbar-active": theme["accent"],
            "scrollbar-background": theme["bg"],
            "scrollbar-background-hover": theme["bg"],
            "scrollbar-background-active": theme["bg"],
            "scrollbar-corner-color": theme["bg"],
            "input-cursor-background": theme["accent"],
            "input-cursor-foreground": theme["bg"],
            "input-selection-background": theme["sel"],
            "border": theme["rule"],
            "border-blurred": theme["rule"],
        },
    )
