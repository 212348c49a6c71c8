"""A terminal that goes away takes the program with it, in order."""

from __future__ import annotations

import os
import sys

import pytest
from tests.tui.pseudo_terminal import PseudoTerminal

from provider_console.tui.driver import _Lasting


def test_a_terminal_that_is_gone_ends_the_program_that_no_signal_told() -> None:
    # Textual's own driver waited for its dead writer for ever, with one core busy.
    with PseudoTerminal([sys.executable, "-m", "tests.tui.typed_ahead", "5"]) as terminal:
        terminal.until("Provider 004")
        terminal.hang_up()
        assert terminal.process.wait(15) == 0


def test_what_a_terminal_that_is_gone_did_not_take_is_lost_for_good() -> None:
    # Python wrote it once more at its end, and ended with 120.
    reading, writing = os.pipe()
    os.close(reading)
    gone: list[bool] = []
    with os.fdopen(writing, "w", encoding="utf-8") as file:
        lasting = _Lasting(file, lambda: gone.append(True))
        lasting.write("a frame")
        lasting.flush()
        lasting.flush()

    assert gone == [True]


@pytest.mark.parametrize("environ", [{}, {"COLUMNS": "60000", "LINES": "60000"}])
@pytest.mark.parametrize("size", [(120, 40), (20_000, 20_000)])
def test_a_terminal_is_filled_up_to_a_bound_whatever_size_it_is_said_to_have(
    environ: dict[str, str], size: tuple[int, int]
) -> None:
    # 60,000 by 60,000 cells took 15 GB.
    command = [sys.executable, "-m", "tests.tui.typed_ahead", "5"]
    with PseudoTerminal(command, environ, size=size) as terminal:
        terminal.until("Provider 004")
        assert terminal.process.poll() is None
        lines = terminal.written.count(b"\r\n")
        assert lines < 1_000, lines
