"""A terminal that goes away takes the program with it, in order."""

from __future__ import annotations

import sys

from tests.tui.pseudo_terminal import PseudoTerminal


def test_a_terminal_that_is_gone_ends_the_program_that_no_signal_told() -> None:
    # Textual's own driver waited for its dead writer for ever, with one core busy.
    with PseudoTerminal([sys.executable, "-m", "tests.tui.typed_ahead", "5"]) as terminal:
        terminal.until("Provider 004")
        terminal.hang_up()
        assert terminal.process.wait(15) == 0
