import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provider_console.core.nearest import did_you_mean, nearest

names = st.lists(st.text("abcdeflop", min_size=1, max_size=10), max_size=12)


@settings(max_examples=100, deadline=None)
@given(word=st.text(max_size=20), known=names, data=st.data())
def test_the_answer_is_known_and_does_not_depend_on_the_order(word: str, known: list[str], data: st.DataObject) -> None:
    answer = nearest(word, known)

    assert answer is None or answer in known
    assert nearest(word, data.draw(st.permutations(known))) == answer


@settings(max_examples=50, deadline=None)
@given(known=names)
def test_a_known_name_is_nearest_to_itself(known: list[str]) -> None:
    assert [nearest(name, known) for name in known] == known


@pytest.mark.parametrize(
    ("word", "expected"), [("depl", "deepl"), ("opneai", "openai"), ("DeepL", "deepl"), ("", None)]
)
def test_a_misspelling_finds_its_name(word: str, expected: str | None) -> None:
    assert nearest(word, ["anthropic", "deepl", "openai"]) == expected


def test_a_word_without_end_is_not_compared() -> None:
    assert nearest("deepl" * 1_000_000, ["deepl"]) is None


def test_many_known_names_are_not_listed() -> None:
    assert did_you_mean("zzz", [f"provider-{number}" for number in range(9)]) == ""
