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


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("2n", "Kind"),
        ("5T", "The trail is empty"),
        ("5L", "The log is empty"),
        ("4h", "No version is kept yet"),
        ("3P", "No request in this period. None in the 1 h before either."),
        ("5/2dq", "/ 2dq"),
        ("\x1b[B\x1b[B5T", "The trail is empty"),
    ],
)
def test_a_mode_and_a_key_of_that_mode_typed_in_one_go_reach_the_mode(
    terminal: PseudoTerminal, keys: str, words: str
) -> None:
    before = len(terminal.written)
    terminal.type(keys)

    terminal.until(words, since=before)


def test_through_all_modes_and_back_in_one_write_no_key_is_lost(terminal: PseudoTerminal) -> None:
    before = len(terminal.written)
    terminal.type("123456543215T/xyz")

    terminal.until("/ xyz", since=before)
    terminal.settle()
    filtered = len(terminal.written)
    terminal.type("\x1b")
    terminal.until("The trail is empty", since=filtered)


def test_keys_split_anywhere_between_writes_are_the_same_keys(terminal: PseudoTerminal) -> None:
    before = len(terminal.written)
    for piece in ("\x1b[B" * 20 + "\x1b[", "B" + "\x1b[A" * 3, "j" * 5 + "k", "/provi", "der", " 0", "2", "1"):
        terminal.type(piece)

    terminal.until("/ provider 021", since=before)
    terminal.until("Provider 021", since=before)
    assert "/ pprovider" not in terminal.text(before)


def test_a_character_that_comes_in_two_pieces_is_one_character(terminal: PseudoTerminal) -> None:
    before = len(terminal.written)
    terminal.type("/caf")
    terminal.until("/ caf", since=before)
    for byte in "é".encode():
        terminal.type(bytes([byte]))
        terminal.settle()
    terminal.type("s")

    terminal.until("/ cafés", since=before)


def test_keys_held_down_come_to_as_many_rows(terminal: PseudoTerminal) -> None:
    for _ in range(60):
        terminal.type("j")
        terminal.read(0.005)
    terminal.type("k" * 20)
    before = len(terminal.written)
    terminal.type("\x1b[B")
    terminal.settle()

    terminal.type("d")
    terminal.until("Provider 041 is off", since=before)
