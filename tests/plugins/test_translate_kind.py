"""The kind `translate`: its form, what it checks, and how it cuts and joins long text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provider_console.sdk import BadResult, OperationInvalid, Result, serves
from provider_console_translation.kind import Translate
from provider_console_translation.language import normalise
from provider_console_translation.marks import marks, protected
from provider_console_translation.pieces import Pieces

KIND = Translate()

PARTS = st.sampled_from(
    [
        *[
            "The house is red.",
            "Hello",
            "{name}",
            "%(count)s",
            "{{ user.name }}",
            "$t(key.one)",
            "<b>bold</b>",
            "<br/>",
        ],
        *[
            "日本語。次の文。",
            "e\u0301\u0323",
            "👩‍👩‍👧",
            "🇪🇸🇫🇷",
            "👍🏽",
            "نص عربي.",
            "</p>",
            "a < b > c",
            "100% sure",
            "\u00a0",
        ],
        *["", " ", "  ", "\n", "\n\n", " \n \n ", "\t", "\r\n", " " * 60, "\n" * 30],
    ]
)
TEXTS = st.lists(PARTS, max_size=200).map("".join)
# The longest thing that must stay whole among the parts above has 23 characters.
LIMITS = st.integers(min_value=60, max_value=400)


def _cut(text: str, limit: int) -> list[str]:
    return [payload["text"] for payload in KIND.split({"text": text, "to": "es"}, limit)]


def _join(text: str, parts: list[str]) -> str:
    joined = KIND.join({"text": text, "to": "es"}, [Result(value={"text": part}) for part in parts])
    return str(joined.value["text"])


@given(TEXTS, LIMITS)
@settings(max_examples=300, deadline=None)
def test_pieces_joined_again_are_the_text(text: str, limit: int) -> None:
    assert _join(text, _cut(text, limit)) == text


@given(TEXTS, LIMITS)
@settings(max_examples=300, deadline=None)
def test_every_piece_fits_the_limit(text: str, limit: int) -> None:
    if text.strip():
        assert all(len(piece) <= limit for piece in _cut(text, limit))


@given(TEXTS, LIMITS)
@settings(max_examples=200, deadline=None)
def test_a_translator_that_trims_and_pads_changes_no_separator(text: str, limit: int) -> None:
    pieces = _cut(text, limit)
    if len(pieces) > 1:
        assert _join(text, [f"\n {piece} \n\n" for piece in pieces]) == text


@given(TEXTS, LIMITS)
@settings(max_examples=200, deadline=None)
def test_no_cut_is_inside_a_placeholder_or_tag(text: str, limit: int) -> None:
    spans = Pieces(text).fitting(limit) if text.strip() else []
    for start, end in protected(text):
        assert not any(start < cut < end for span in spans for cut in span)


@given(TEXTS, LIMITS)
@settings(max_examples=200, deadline=None)
def test_no_piece_begins_with_the_rest_of_a_character(text: str, limit: int) -> None:
    pieces = _cut(text, limit)
    for piece in pieces[1:]:
        assert piece[:1] not in {"\u0301", "\u0323", "\u200d", "\ufe0f", "🏽"}
    assert all(sum("\U0001f1e6" <= letter <= "\U0001f1ff" for letter in piece) % 2 == 0 for piece in pieces)


@given(st.text(max_size=2000), st.integers(min_value=1, max_value=300))
@settings(max_examples=300, deadline=None)
def test_any_text_whatever_comes_back_whole(text: str, limit: int) -> None:
    assert _join(text, _cut(text, limit)) == text


@given(st.text(max_size=500), st.text(max_size=500))
@settings(max_examples=200, deadline=None)
def test_the_check_says_yes_or_bad_result_to_any_two_texts(source: str, translation: str) -> None:
    try:
        KIND.check({"text": source, "to": "es"}, Result(value={"text": translation}))
    except BadResult:
        assert source != translation or not translation.strip()


def test_text_is_cut_between_paragraphs_first() -> None:
    paragraphs = ["One sentence. " * 5, "Another one. " * 5, "The last. " * 5]
    text = "\n\n".join(part.strip() for part in paragraphs)
    assert _cut(text, 90) == [part.strip() for part in paragraphs]


def test_text_is_cut_between_sentences_where_paragraphs_are_long() -> None:
    assert all(piece.endswith(".") for piece in _cut("Ten words make a sentence that is neither long. " * 50, 300))


def test_text_within_the_limit_is_left_alone() -> None:
    payload = {"text": " short \n", "to": "es"}
    assert KIND.split(payload, 8) == (payload,)


def test_a_placeholder_longer_than_the_limit_stays_whole() -> None:
    text = "before " * 10 + "{" + "x" * 90 + "}" + " after" * 10
    pieces = _cut(text, 50)
    assert any("{" + "x" * 90 + "}" in piece for piece in pieces)
    assert _join(text, pieces) == text


def test_joining_adds_units_and_takes_the_language_that_most_pieces_have() -> None:
    text = "one two three four five six seven eight"
    pieces = _cut(text, 16)
    languages = ["en", *["fr"] * (len(pieces) - 1)]
    results = [
        Result(value={"text": piece, "detectedLanguage": language}, units={"characters": len(piece)})
        for piece, language in zip(pieces, languages, strict=True)
    ]
    joined = KIND.join({"text": text, "to": "es"}, results)
    assert joined.value == {"text": text, "detectedLanguage": "fr"}
    assert joined.units == {"characters": sum(map(len, pieces))}


@pytest.mark.parametrize(
    ("source", "translation"),
    [
        ("Hello, {name}!", "¡Hola, {name}!"),
        ("{first} before {second}", "{second} antes de {first}"),
        ("%d of %d files", "%d de %d archivos"),
        ("50% discount, 100% sure", "50 % de descuento, 100% seguro"),
        ("{{ user.name }}", "{{user.name}}"),
        ("at :noon", "al :mediodía"),
        ("<p>one<p>two", "<p>uno</p><p>dos</p>"),
        ("a<br/>b", "a<br>b"),
        ("a < b and c > d", "a < b y c > d"),
        ("I <3 you", "Te <3"),
        ("{count, plural, one {item} other {items}}", "{count, plural, one {elemento} other {elementos}}"),
        ('<a href="/x" title="Red">x</a>', '<a href="/x" title="Rojo">x</a>'),
        ("<!-- note - here -->x<!-- a -- b -->", "<!-- nota - aquí -->x<!-- a -- b -->"),
        ("no placeholder", "ninguno"),
    ],
)
def test_a_good_translation_passes(source: str, translation: str) -> None:
    KIND.check({"text": source, "to": "es"}, Result(value={"text": translation}))


@pytest.mark.parametrize(
    ("source", "translation"),
    [
        ("Hello, {name}!", "¡Hola, {nombre}!"),
        ("Hello, {name}!", "¡Hola!"),
        ("Hello!", "¡Hola, {name}!"),
        ("{{x}} and {{x}}", "{{x}}"),
        ("Delete %s?", "¿Eliminar % s?"),
        ("%(count)s files", "%(cuenta)s archivos"),
        ("%1$s of %2$s", "%1$s de %1$s"),
        ("$t(key)", "$t(clave)"),
        ("${total}", "${suma}"),
        ("%{total}", "total"),
        ("Read the <b>manual</b>.", "Lee el manual."),
        ("Read the <b>manual</b>.", "Lee el <b>manual."),
        ("<0>more</0>", "<1>más</1>"),
        ("text", "<text>texto</text>"),
        ("a<!-- x -->b", "ab"),
        ("something", "  \n"),
    ],
)
def test_a_translation_that_lost_something_is_a_bad_result(source: str, translation: str) -> None:
    with pytest.raises(BadResult) as caught:
        KIND.check({"text": source, "to": "es"}, Result(value={"text": translation}))
    assert source not in str(caught.value)


@pytest.mark.parametrize("lost", ["[here](/otra)", "aquí"])
def test_in_markdown_a_link_keeps_its_target(lost: str) -> None:
    payload = {"text": "[here](/page)", "to": "es", "format": "markdown"}
    KIND.check(payload, Result(value={"text": "[aquí](/page)"}))
    with pytest.raises(BadResult):
        KIND.check(payload, Result(value={"text": lost}))


def test_an_answer_without_text_is_a_bad_result() -> None:
    with pytest.raises(BadResult):
        KIND.check({"text": "x", "to": "es"}, Result(value={"text": None}))


@pytest.mark.parametrize(
    "text", ["<!--" * 200_000, "{" * 20_000, "<a " * 20_000, "%(" * 20_000, "[](" * 20_000, "{a, plural," * 2_000]
)
def test_hostile_text_is_read_once(text: str) -> None:
    assert marks(text, markdown=True) is not None
    assert protected(text) is not None


def test_tags_are_written_in_their_usual_spelling() -> None:
    assert KIND.validate({"text": "x", "from": "EN-gb", "to": "pt_br"}) == {
        "text": "x",
        "from": "en-GB",
        "to": "pt-BR",
        "format": "text",
    }


@pytest.mark.parametrize("given_from", [None, "", "auto"])
def test_no_source_language_means_that_the_provider_detects_it(given_from: str | None) -> None:
    payload = KIND.validate({"text": "x", "from": given_from, "to": "es"})
    assert "from" not in payload
    assert KIND.capabilities(payload) == ("translate:auto>es",)


def test_the_pair_is_what_a_provider_has_to_be_able_to() -> None:
    (wanted,) = KIND.capabilities({"text": "x", "from": "en-GB", "to": "es"})
    assert wanted == "translate:en-GB>es"
    assert serves(["translate:en>es"], wanted)
    assert serves(["translate:*>*"], wanted)


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({"text": "  ", "to": "es"}, "text"),
        ({"text": "x"}, "to"),
        ({"text": "x", "to": "not a language"}, "to"),
        ({"text": "x", "from": "??", "to": "es"}, "from"),
        ({"text": "x", "from": "ES", "to": "es"}, "to"),
        ({"text": "x", "to": "es", "format": "pdf"}, "format"),
        ({"text": "half \ud83d", "to": "es"}, "text"),
    ],
)
def test_a_payload_that_means_nothing_is_refused_by_its_field(payload: dict[str, str], field: str) -> None:
    with pytest.raises(OperationInvalid) as caught:
        KIND.validate(payload)
    assert caught.value.field == field


@given(st.from_regex(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,2}", fullmatch=True))
@settings(max_examples=200, deadline=None)
def test_the_usual_spelling_is_its_own_usual_spelling(tag: str) -> None:
    once = normalise(tag)
    assert normalise(once) == once
