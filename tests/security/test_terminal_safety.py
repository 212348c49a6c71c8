"""Hostile text in everything that shows foreign text, through a real pseudo-terminal: it stays text."""

from __future__ import annotations

import base64
import re
import sys
from collections.abc import Mapping, Sequence
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
MORE: Final = (
    Page("provider page", "\x1b[H\r", "What to do", ESCAPE),
    Page("analytics", digit("analytics"), "Nobody got worse"),
    Page("analytics: narrow", "\x1b[B", "Nobody got worse", size=(80, 24)),
    Page("analytics: wide", "\x1b[B", "Nobody got worse", size=(200, 60)),
    Page("analytics: a provider's past", "\r", "Checks and outages", ESCAPE),
    Page("analytics: only one kind", "f", "Figures of", ESCAPE),
    Page("analytics: export", "E", "Export this period", ESCAPE),
    Page("config", digit("config"), "0 of 50 settings set"),
    Page("config: filter found nothing", f"/\x1b[200~{PAYLOADS[0].whole}no\x1b[201~", "csi-goto-e", ESCAPE),
    Page("config: a field", "\r", "was csi-goto-e"),
    Page("config: changed", "x\r", "1 change, not saved"),
    Page("config: review", "\x13", "1 change to save", ESCAPE),
    Page("config: versions", "h", "50 versions"),
    Page("config: restore", "r", "leave it as it is", ESCAPE + ESCAPE),
    Page("config: the last settings", "\x1b[F", "vertical-tab-e"),
    Page("config: secrets", "\x1b[D\x1b[F\x1b[C", "50 credentials"),
    Page("config: delete", "\x1b[3~", "Delete ", ESCAPE),
    Page("activity: alerts", digit("activity"), "What to try first"),
    Page("activity: alerts, short", "\x1b[B", "What to try first", size=(80, 24)),
    Page("activity: snooze", "z", "Snooze: ", ESCAPE),
    Page("activity: trail", "T", "Before › after"),
    Page("activity: a deed", "\r", "no end is written", ESCAPE),
    Page("activity: verify", "V", "csi-goto-e"),
    Page("activity: log", "L\x1b[H", "50 errors"),
    Page("activity: a line", "\r", "2026-11-22T14:02:11", ESCAPE),
)
FIRST_RUN: Final = (
    Page("ways on", "", "There are two ways on"),
    Page("whose credential", "a", "Whose credential?"),
    Page("a credential", "\r", "Store apc-e", ESCAPE),
    Page("found", "l", "Found on this machine"),
    Page("adopt", "\r", "Adopt apc-e", ESCAPE),
)
_POINTER: Final = re.compile(rb"\x1b\]22;[a-z-]*\x07")
"""The shape of the mouse pointer, which Textual sets by a link's or a field's style."""
_OWN: Final = re.compile(
    rb"\x1b\[[\d;]*m"  # colours
    rb"|\x1b\[\d*;?\d*H"  # to a place
    rb"|\x1b\[\?(?:25|1000|1002|1003|1004|1006|1015|1016|1049|2004|2026|2048)[hl]"  # modes that Textual sets
    rb"|\x1b\[\?(?:2026|2048)\$p|\x1b\[[<>=]?\d*u"  # what it asks for
)


def screens(pages: Sequence[Page], *arguments: str, begin: str = "need attention") -> Mapping[str, bytes]:
    """What was written while each page was shown."""
    seen: dict[str, bytes] = {}
    command = [sys.executable, "-m", "tests.security.hostile_terminal", *arguments]
    with PseudoTerminal(command, {"PYTHONPATH": str(ROOT)}) as terminal:
        terminal.until(begin)
        for place, page in enumerate(pages):
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
    seen = screens(PAGES)

    assert {page: leaks(written) for page, written in seen.items() if leaks(written)} == {}
    text = SEQUENCE.sub(b"", b"\n".join(seen.values())).decode()
    assert [payload.name for payload in PAYLOADS if f"{payload.name}-e" not in text] == [], "not shown at all"
    assert [payload.name for payload in PAYLOADS if payload.forbidden is None and payload.whole not in text] == []


@pytest.mark.limit(90)
def test_nor_on_pages_of_the_past_of_settings_and_of_what_was_done() -> None:
    seen = screens(MORE)

    assert {page: leaks(written) for page, written in seen.items() if leaks(written)} == {}
    text = SEQUENCE.sub(b"", b"\n".join(seen.values())).decode()
    assert [payload.name for payload in PAYLOADS if f"{payload.name}-e" not in text] == [], "not shown at all"


@pytest.mark.limit(40)
def test_nor_at_the_first_run_and_while_a_provider_is_adopted() -> None:
    seen = screens(FIRST_RUN, "--first-run", begin="There are two ways on")

    assert {page: leaks(written) for page, written in seen.items() if leaks(written)} == {}
    text = SEQUENCE.sub(b"", b"\n".join(seen.values())).decode()
    assert sum(f"{payload.name}-e" in text for payload in PAYLOADS) > 15, "as many as a page has room for"


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
    assert b"canary-4713" not in written, "a credential that was loaded"
    assert base64.b64encode(b"canary-4713") not in written
    assert b"canary-4714" not in written, "the query of a URL"
    assert [payload.name for payload in PAYLOADS if payload.forbidden and payload.forbidden in written] == []


def test_a_crash_of_the_program_as_it_is_started_shows_no_credential_that_it_has_loaded(tmp_path: Path) -> None:
    canary = "canary-4713"
    (tmp_path / "config.toml").write_text(
        "[translation.providers.libretranslate]\n"
        'driver = "libretranslate"\nbase_url = "http://127.0.0.1:9"\nnetwork = "loopback"\ncredential = "A_KEY"\n'
    )
    command = [sys.executable, "-m", "tests.security.crashing_program"]
    environ = {"PYTHONPATH": str(ROOT), "PROVIDER_CONSOLE_HOME": str(tmp_path), "A_KEY": canary}
    with PseudoTerminal(command, {**environ, "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}) as terminal:
        terminal.until("down ")
        terminal.settle()
        before = len(terminal.written)
        terminal.type("D")
        assert terminal.end() == 1
        shown = terminal.text(before)

    assert "a defect with the key ***" in shown
    assert canary.encode() not in terminal.written
