"""Where everything stands in a TOML text, and a refusal of texts made to exhaust the parser.

`tomllib` gives no positions, takes quadratic time for deep dotted keys and recurses without a bound; one pass
over the text beforehand answers both. It judges no grammar: what is not TOML is left to `tomllib` to name.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from typing import Final, NamedTuple

MAX_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 8
"""Deeper than any setting (the deepest has 5 parts); keeps the scan's own recursion small."""
_FREE_PARTS: Final = 3
"""`[translation.providers.deepl]` counts once; each part more costs the parser as much as another key."""
MAX_ITEMS: Final = 5_000
"""Tables, keys and elements of lists together: 1,000 small providers, and under 100 ms of reading."""
MAX_LINES: Final = 20_000
MAX_ESCAPES: Final = 10_000
MAX_STRING: Final = 16 * 1024
MAX_NUMBER: Final = 128

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_KEY = re.compile(r"[A-Za-z0-9_-]+|\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\[\s\S]|"(?!""))*"{3,5}'
    r"|'''(?:[^']|'(?!''))*'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
)
_BARE = re.compile(r"\d{4}-\d\d-\d\d \d\d:[^\s,\]}#]*|[^\s,\[\]{}#\"']+")
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))")
_CONTROL: Final = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "\\": "\\"}


class TooMuch(Exception):
    """A text is larger, deeper or fuller than any configuration; `offset` says where the bound was passed."""

    def __init__(self, message: str, offset: int) -> None:
        self.offset = offset
        super().__init__(message)


class _Mark(NamedTuple):
    key: int
    value: int


class Layout:
    """The offsets of keys and values in one text, given as lines and columns that count from 1."""

    def __init__(self, text: str, marks: Mapping[Path, _Mark]) -> None:
        self._marks = marks
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def at(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def key(self, path: Path) -> tuple[int, int] | None:
        """Where a key is written, None where it is not."""
        mark = self._marks.get(path)
        return None if mark is None else self.at(mark.key)

    def nearest_key(self, path: Path) -> tuple[int, int] | None:
        """Where a key is written, or else that of the nearest table around it; None where neither is."""
        return next((place for end in range(len(path), 0, -1) if (place := self.key(path[:end]))), None)

    def value(self, path: Path) -> tuple[int, int] | None:
        """Where a value is written, or the nearest table around it; None where neither is."""
        for end in range(len(path), 0, -1):
            mark = self._marks.get(path[:end])
            if mark is not None:
                return self.at(mark.value)
        return None


def scan(text: str) -> Layout:
    """Find every key of a text; linear in its length.

    Raises:
        TooMuch: the text passes a bound.
    """
    if len(text.encode(errors="surrogatepass")) > MAX_BYTES:
        raise TooMuch("is larger than 256 KiB", 0)
    if text.count("\n") > MAX_LINES:
        raise TooMuch(f"has more than {MAX_LINES} lines", 0)
    if text.count("\\") > MAX_ESCAPES:
        raise TooMuch(f"has more than {MAX_ESCAPES} escapes", 0)
    walk = _Walk(text)
    walk.document()
    return Layout(text, walk.marks)


class _Stop(Exception):
    """The text stops being TOML here."""


class _Walk:
    def __init__(self, text: str) -> None:
        self.text = text
        self.offset = 0
        self.items = 0
        self.marks: dict[Path, _Mark] = {}
        self._rows: dict[Path, int] = {}

    def document(self) -> None:
        table: Path = ()
        try:
            while True:
                self._skip(_BLANK)
                if self.offset >= len(self.text):
                    return
                if self.text[self.offset] == "[":
                    table = self._header()
                else:
                    self._pair(table)
        except _Stop:
            return

    def _header(self) -> Path:
        start = self.offset
        brackets = 2 if self.text.startswith("[[", start) else 1
        self.offset += brackets
        self._skip(_SPACE)
        mark = self.offset
        parts = self._parts()
        self._skip(_SPACE)
        if not self.text.startswith("]" * brackets, self.offset):
            raise _Stop
        self.offset += brackets
        path: Path = ()
        for place, part in enumerate(parts):
            path = (*path, part)
            last = place == len(parts) - 1
            if last and brackets == 2:
                self.marks.setdefault(path, _Mark(mark, start))
                self._rows[path] = self._rows.get(path, 0) + 1
            if path in self._rows:
                path = (*path, self._rows[path] - 1)
            if last:
                self.marks.setdefault(path, _Mark(mark, start))
        self._deep(path)
        return path

    def _pair(self, table: Path) -> None:
        start = self.offset
        path = (*table, *self._parts())
        self._deep(path)
        self._skip(_SPACE)
        if not self.text.startswith("=", self.offset):
            raise _Stop
        self.offset += 1
        self._skip(_SPACE)
        self.marks.setdefault(path, _Mark(start, self.offset))
        self._value(path)

    def _parts(self) -> list[str]:
        parts = []
        while True:
            self._skip(_SPACE)
            match = _KEY.match(self.text, self.offset)
            if match is None:
                raise _Stop
            parts.append(_plain(match.group()))
            if len(parts) == 1 or len(parts) > _FREE_PARTS:
                self._count()
            self.offset = match.end()
            if len(parts) > MAX_DEPTH:
                raise TooMuch(f"nests deeper than {MAX_DEPTH} levels", self.offset)
            self._skip(_SPACE)
            if not self.text.startswith(".", self.offset):
                return parts
            self.offset += 1

    def _value(self, path: Path) -> None:
        self._deep(path)
        first = self.text[self.offset : self.offset + 1]
        if first == "[":
            self._array(path)
        elif first == "{":
            self._inline(path)
        elif first in ('"', "'"):
            self._take(_STRING, MAX_STRING, "has a text of more than 16 KiB")
        else:
            self._take(_BARE, MAX_NUMBER, f"has a number of more than {MAX_NUMBER} characters")

    def _array(self, path: Path) -> None:
        self.offset += 1
        row = 0
        while True:
            self._skip(_BLANK)
            if self.text.startswith("]", self.offset):
                self.offset += 1
                return
            self.marks.setdefault((*path, row), _Mark(self.offset, self.offset))
            self._count()
            self._value((*path, row))
            row += 1
            self._skip(_BLANK)
            self._comma("]")

    def _inline(self, path: Path) -> None:
        self.offset += 1
        while True:
            self._skip(_BLANK)
            if self.text.startswith("}", self.offset):
                self.offset += 1
                return
            self._pair(path)
            self._skip(_BLANK)
            self._comma("}")

    def _comma(self, closing: str) -> None:
        if self.text.startswith(",", self.offset):
            self.offset += 1
        elif not self.text.startswith(closing, self.offset):
            raise _Stop

    def _take(self, pattern: re.Pattern[str], longest: int, complaint: str) -> None:
        match = pattern.match(self.text, self.offset)
        if match is None:
            raise _Stop
        if match.end() - self.offset > longest:
            raise TooMuch(complaint, self.offset)
        self.offset = match.end()

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.offset)
        if match is not None:
            self.offset = match.end()

    def _count(self) -> None:
        self.items += 1
        if self.items > MAX_ITEMS:
            raise TooMuch(f"has more than {MAX_ITEMS} keys and values", self.offset)

    def _deep(self, path: Path) -> None:
        if len(path) > MAX_DEPTH:
            raise TooMuch(f"nests deeper than {MAX_DEPTH} levels", self.offset)


def _plain(key: str) -> str:
    if key.startswith("'"):
        return key[1:-1]
    if key.startswith('"'):
        return _ESCAPE.sub(_unescape, key[1:-1])
    return key


def _unescape(match: re.Match[str]) -> str:
    code = match.group(1) or match.group(2)
    if code is None:
        return _CONTROL.get(match.group(3), match.group(3))
    return chr(int(code, 16)) if int(code, 16) <= 0x10FFFF else "�"
