import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from provider_console.core.text import clean_text

ALLOWED_FORMAT = "\u200c\u200d"

hostile = st.text(st.one_of(st.characters(), st.sampled_from("\x1b[]\x07\x9b\u202e\u2066\n\r\t m;")), max_size=400)


@settings(max_examples=100, deadline=None)
@given(text=hostile, limit=st.integers(1, 300))
def test_what_is_printed_is_one_short_line_without_control(text: str, limit: int) -> None:
    cleaned = clean_text(text, limit)

    assert len(cleaned) <= limit
    assert not [
        character
        for character in cleaned
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") and character not in ALLOWED_FORMAT
    ]
    cleaned.encode()


@settings(max_examples=100, deadline=None)
@given(text=hostile)
def test_cleaning_twice_changes_nothing(text: str) -> None:
    assert clean_text(clean_text(text)) == clean_text(text)


def test_an_unterminated_sequence_does_not_swallow_the_message() -> None:
    assert clean_text("a\x1b]0;title and the reason") == "a\ufffd]0;title and the reason"


def test_a_terminated_sequence_leaves_one_mark() -> None:
    assert clean_text("a\x1b]0;title\x07b\x1b[1;31mc") == "a\ufffdb\ufffdc"


def test_spelling_with_joiners_survives() -> None:
    assert clean_text("می\u200cخواهم") == "می\u200cخواهم"


def test_megabytes_cost_no_more_than_a_line() -> None:
    assert clean_text("\x1b[" * 5_000_000).startswith("\ufffd")
