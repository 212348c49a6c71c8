"""Translations are known, or visibly not, and never lose a placeholder."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider_console.sandbox import phrases, prose

PLACEHOLDER = re.compile(r"\{\w+\}|%[sd]|</?\w+>")


@pytest.mark.parametrize(
    ("text", "target", "translated"),
    [
        ("The house is red.", "es", "La casa es roja."),
        ("the house  is red.", "FR", "La maison est rouge."),
        ("La casa es roja.", "EN-GB", "The house is red."),
        ("Thank you. Good night.", "de", "Danke. Gute Nacht."),
        ("  Hello, {name}!\n", "es", "  ¡Hola, {name}!\n"),
        ("Delete file %s?", "fr", "Supprimer le fichier %s ?"),
        ("Nobody knows this one.", "es", "[es] Nobody knows this one."),
        ("The house is red.", "it", "[it] The house is red."),
        ("Nobody knows this one.", "en", "Nobody knows this one."),
        ("", "es", ""),
    ],
)
def test_a_text_is_translated(text: str, target: str, translated: str) -> None:
    assert phrases.translate(text, target) == translated


@given(st.lists(st.sampled_from(["Yes", "Thank you.", "{name}", "%s", "<b>", "</b>", "word", "\n", "."])))
def test_placeholders_and_markup_are_kept(parts: list[str]) -> None:
    text = " ".join(parts)

    assert PLACEHOLDER.findall(phrases.translate(text, "es")) == PLACEHOLDER.findall(text)


@given(st.text())
def test_pieces_join_to_the_whole_text(text: str) -> None:
    assert "".join(prose.pieces(text)) == text


@pytest.mark.parametrize(
    ("system", "user"),
    [
        ("You are a translator. Translate from en to es.", "The house is red."),
        ("Translate the text between the tags into Spanish.", "<text>The house is red.</text>"),
        ('Translate to "es". Keep placeholders.', "The house is red."),
        ("", "Translate into Spanish: The house is red."),
        ("Translate from English (en) into Spanish (es-MX).", "<document>\nThe house is red.\n</document>"),
        ("Translate into the language es.", "<text-0123abcd>\nThe house is red.\n</text-0123abcd>"),
        ("", "Translate this text from English (en) to Spanish (es).\n\nThe house is red."),
        ("", 'Please translate to es-MX:\n"""\nThe house is red.\n"""'),
    ],
)
def test_a_translation_prompt_is_understood(system: str, user: str) -> None:
    messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]

    assert prose.reply(messages, model="m") == "La casa es roja."


@pytest.mark.parametrize(("named", "code"), [("Greek (el)", "el"), ("Norwegian Bokmål (nb)", "nb"), ("Dutch", "nl")])
def test_a_language_that_is_not_known_is_visible_in_the_answer(named: str, code: str) -> None:
    messages = [
        {"role": "system", "content": f"Translate into {named}. Keep to the text."},
        {"role": "user", "content": "<text>\n  The house is red. \n</text>"},
    ]

    assert prose.reply(messages, model="m") == f"  [{code}] The house is red. "
