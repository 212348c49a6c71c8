"""Keys as fast as a terminal can send them, through a real pseudo-terminal: none lost, none doubled, none misread."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.tui.pseudo_terminal import PseudoTerminal

ROOT = Path(__file__).parents[2]


@pytest.fixture
def terminal() -> Iterator[PseudoTerminal]:
    command = [sys.executable, "-m", "tests.tui.typed_ahead", "500"]
    with PseudoTerminal(command, {"PYTHONPATH": str(ROOT)}) as opened:
        opened.until("Provider 005")
        opened.until("translate en›sr")
        opened.settle()
        yield opened


def test_a_hundred_keys_in_one_write_move_the_cursor_a_hundred_rows(terminal: PseudoTerminal) -> None:
    terminal.type("\x1b[B" * 100)

    terminal.until("● Provider 100 ")


def test_a_filter_typed_in_one_go_is_a_filter_and_no_command(terminal: PseudoTerminal) -> None:
    before = len(terminal.written)
    terminal.type("/ddddd 042")

    terminal.until("/ ddddd 042", since=before)
    assert "Disable" not in terminal.text(before)


def test_a_question_and_its_answer_typed_in_one_go_are_both_taken(terminal: PseudoTerminal) -> None:
    before = len(terminal.written)
    terminal.type("dy")

    terminal.until("Provider 000 is off", since=before)


def test_what_is_pasted_right_after_the_key_that_opens_the_field_goes_into_it(terminal: PseudoTerminal) -> None:
    before = len(terminal.written)
    terminal.type("/\x1b[200~provider 042\x1b[201~")

    terminal.until("● Provider 042", since=before)
