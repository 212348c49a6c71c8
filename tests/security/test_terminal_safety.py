"""Hostile text in everything that shows foreign text, through a real pseudo-terminal: it stays text."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from tests.security.payloads import PAYLOADS
from tests.tui.pseudo_terminal import SEQUENCE, PseudoTerminal

from provider_console.tui.keymap import TITLES

ROOT: Final = Path(__file__).parents[2]


ESCAPE: Final = "\x1b[27u"
"""The key as newer terminals send it: a lone escape could be taken for the beginning of what is typed next."""


class Page(NamedTuple):
    """Something that is shown: the keys that lead to it, what stands there then, the keys that lead back."""

    name: str
    keys: str
    shown: str
    back: str = ""
    size: tuple[int, int] = (120, 40)


def digit(mode: str) -> str:
    """The key of a mode."""
    return str([name for name, _title in TITLES].index(mode) + 1)


PAGES: Final = (
    Page("table", "\x1b[H", "csi-goto-e"),
    Page("end of the table", "\x1b[F", "osc-link-e"),
    Page("wide: aside, coverage, just now", "\x1b[H", "Just now", size=(200, 60)),
    Page("short: two lines of detail", "\x1b[B", "csi-colour-e", size=(80, 24)),
    Page("coverage", "v", "nobody now", ESCAPE),
    Page("help", "?", "Keys", ESCAPE),
    Page("filter", f"/\x1b[200~{PAYLOADS[11].whole}\x1b[201~", "osc-title-e", ESCAPE),
    Page("filter found nothing", f"/\x1b[200~{PAYLOADS[0].whole}no\x1b[201~", "Filter found nothing", ESCAPE),
    Page("question", "\x1b[Hd", "Disable ", ESCAPE),
    Page("refusal", "c", "csi-goto-e"),
    Page("palette", "\x10theme", "console-dark", ESCAPE),
    Page("execution: attempts", "2", "Outcome"),
    Page("execution: an attempt's own words", "\x1b[A\x1b[A", "Outcome"),
    Page("execution: the order", "e", "left out", ESCAPE),
    Page("execution: the result", "o", "csi-window-e", ESCAPE),
    Page("execution: the list", "l", "Answered by", "l"),
    Page("execution: the form", "n", "csi-goto-e", ESCAPE),
    Page("plugins", digit("plugins"), "are put aside"),
    Page("plugin: traceback", "\r", "without values", ESCAPE),
    Page("plugin: question", "d", "Disable ", ESCAPE),
    Page("doctor", "D", "need mending", ESCAPE),
    Page("links", "L", "linked-49", ESCAPE),
)
_POINTER: Final = re.compile(rb"\x1b\]22;[a-z-]*\x07")
"""The shape of the mouse pointer, which Textual sets by a link's or a field's style."""
_OWN: Final = re.compile(
    rb"\x1b\[[\d;]*m"  # colours
    rb"|\x1b\[\d*;?\d*H"  # to a place
    rb"|\x1b\[\?(?:25|1000|1002|1003|1004|1006|1015|1016|1049|2004|2026|2048)[hl]"  # modes that Textual sets
    rb"|\x1b\[\?(?:2026|2048)\$p|\x1b\[[<>=]?\d*u"  # what it asks for
)


def screens() -> Mapping[str, bytes]:
    """What was written while each page was shown."""
    seen: dict[str, bytes] = {}
    command = [sys.executable, "-m", "tests.security.hostile_terminal"]
    with PseudoTerminal(command, {"PYTHONPATH": str(ROOT)}) as terminal:
        terminal.until("need attention")
        for place, page in enumerate(PAGES):
            terminal.settle()
            start = len(terminal.written)
            terminal.type(page.keys)
            terminal.settle()
            # Another width each time, so that everything is painted.
            terminal.resize(page.size[0] + 1 - place % 2, page.size[1])
            terminal.until(page.shown, since=start)
            terminal.settle()
            seen[page.name] = terminal.written[start:]
            terminal.type(page.back)
        terminal.settle()
        assert terminal.process.poll() is None, terminal.written[-2000:]
        terminal.type("q")
        assert terminal.end() == 0, terminal.written[-2000:]
    return seen


def leaks(written: bytes) -> list[str]:
    """What steers the terminal and is not the console's own."""
    written = _POINTER.sub(b"", written).replace(b"\r\n", b"\n")
    rest = _OWN.sub(b"", written)
    marks = re.findall("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", rest.decode())
    return [
        *(payload.name for payload in PAYLOADS if payload.forbidden and payload.forbidden in written),
        *map(repr, SEQUENCE.findall(rest)),
        *map(repr, marks),
    ]


@pytest.mark.limit(90)
def test_no_control_sequence_of_foreign_text_reaches_the_terminal_on_any_page() -> None:
    seen = screens()

    assert {page: leaks(written) for page, written in seen.items() if leaks(written)} == {}
    text = SEQUENCE.sub(b"", b"\n".join(seen.values())).decode()
    assert [payload.name for payload in PAYLOADS if f"{payload.name}-e" not in text] == [], "not shown at all"
    assert [payload.name for payload in PAYLOADS if payload.forbidden is None and payload.whole not in text] == []


@pytest.mark.parametrize("key", ["X", "W", "P"])
def test_a_crash_shows_no_local_variable_and_no_control_sequence_of_its_message(key: str) -> None:
    command = [sys.executable, "-m", "tests.security.crashing_terminal"]
    with PseudoTerminal(command, {"PYTHONPATH": str(ROOT)}) as terminal:
        terminal.until("acme")
        before = len(terminal.written)
        terminal.type(key)
        assert terminal.end() == 1
        written = terminal.written[before:].replace(b"\r\n", b"\n")

    assert "RuntimeError" in terminal.text(before)
    assert "a defect 11" in terminal.text(before)
    assert b"canary-4712" not in written
    assert [payload.name for payload in PAYLOADS if payload.forbidden and payload.forbidden in written] == []
