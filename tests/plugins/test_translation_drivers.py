"""DeepL, LibreTranslate and Apertium: what goes over the wire, and what their errors mean."""

from __future__ import annotations

from typing import Any

import pytest

from provider_console.core.classify import classify
from provider_console.sdk import BadResult, Driver, ErrorClass, ProviderError, Result, SdkError, serves
from provider_console.testing.fakes import Reply, WireDouble, call, reply, translate
from provider_console_translation.apertium import Apertium, from_apertium, to_apertium
from provider_console_translation.deepl import FREE_HOST, PAID_HOST, DeepL
from provider_console_translation.iso639 import THREE_LETTERS, TWO_LETTERS
from provider_console_translation.libretranslate import LibreTranslate

DEEPL_ANSWER = {"translations": [{"detected_source_language": "EN", "text": "La casa es roja."}]}


async def _translated(driver: Driver, wire: WireDouble, **payload: Any) -> Result:
    secret = None if driver.credential == "none" else "key"
    result = await driver.call(call(driver, wire, operation=translate("The house is red.", **payload), secret=secret))
    assert isinstance(result, Result)
    return result


async def _failure(driver: Driver, answer: Reply, **fields: Any) -> Any:
    wire = WireDouble(answer)
    with pytest.raises(SdkError) as caught:
        await driver.call(
            call(
                driver,
                wire,
                operation=translate("The house is red.", **{"from": "en"}),
                secret=None if driver.credential == "none" else "key",
                **{"base_url": "http://127.0.0.1:1", **fields},
            )
        )
    return classify(caught.value)


# --- DeepL ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "base_url", "host"),
    [
        ("abc", PAID_HOST, PAID_HOST),
        ("abc:fx", PAID_HOST, FREE_HOST),
        ("abc:fx", None, FREE_HOST),
        ("abc", None, PAID_HOST),
        ("abc:fx", "http://127.0.0.1:9/", "http://127.0.0.1:9"),
    ],
)
async def test_a_free_key_goes_to_the_free_host_unless_an_address_is_set(
    key: str, base_url: str | None, host: str
) -> None:
    wire = WireDouble(reply(DEEPL_ANSWER))
    await DeepL().call(call(DeepL(), wire, operation=translate(), secret=key, base_url=base_url))
    assert wire.sent[0].url == f"{host}/v2/translate"
    assert wire.sent[0].headers["authorization"] == f"DeepL-Auth-Key {key}"


@pytest.mark.parametrize(
    ("source", "target", "source_lang", "target_lang"),
    [
        (None, "es", None, "ES"),
        ("en-GB", "pt-BR", "EN", "PT-BR"),
        ("de", "en", "DE", "EN-GB"),
        ("de", "pt", "DE", "PT-PT"),
        ("zh-Hans", "en-US", "ZH", "EN-US"),
        ("no", "zh-Hant", "NB", "ZH-HANT"),
        ("en", "es-419", "EN", "ES-419"),
    ],
)
async def test_deepl_is_asked_in_its_own_codes(
    source: str | None, target: str, source_lang: str | None, target_lang: str
) -> None:
    wire = WireDouble(reply(DEEPL_ANSWER))
    await _translated(DeepL(), wire, **({"from": source} if source else {}), to=target)
    assert (wire.sent[0].json.get("source_lang"), wire.sent[0].json["target_lang"]) == (source_lang, target_lang)
    assert serves(DeepL().capabilities, f"translate:{source or 'auto'}>{target}")


async def test_deepl_tells_the_language_it_found_only_when_none_was_named() -> None:
    found = await _translated(DeepL(), WireDouble(reply(DEEPL_ANSWER)))
    named = await _translated(DeepL(), WireDouble(reply(DEEPL_ANSWER)), **{"from": "en"})
    assert found.value == {"text": "La casa es roja.", "detectedLanguage": "en"}
    assert named.value == {"text": "La casa es roja."}
    assert named.units == {"characters": 17}


@pytest.mark.parametrize(("form", "handled"), [("html", "html"), ("text", None), ("markdown", None)])
async def test_deepl_handles_tags_in_html_only(form: str, handled: str | None) -> None:
    wire = WireDouble(reply(DEEPL_ANSWER))
    await _translated(DeepL(), wire, format=form)
    assert wire.sent[0].json.get("tag_handling") == handled


async def test_a_language_that_the_configuration_lists_is_asked_of_deepl() -> None:
    wire = WireDouble(reply(DEEPL_ANSWER))
    asked = translate(to="sw", **{"from": "ka"})
    listed = ("translate:*>sw", "translate:ka>*")
    await DeepL().call(call(DeepL(), wire, operation=asked, secret="key", capabilities=listed))
    assert (wire.sent[0].json["source_lang"], wire.sent[0].json["target_lang"]) == ("KA", "SW")


async def test_an_error_of_deepl_has_its_message_and_its_detail() -> None:
    failure = await _failure(DeepL(), reply({"message": "Bad request", "detail": "Value too long"}, status=400))
    assert failure.message.endswith("DeepL answered HTTP 400: Bad request; Value too long")


@pytest.mark.parametrize(("source", "target"), [("sw", "es"), ("en", "tlh")])
async def test_a_language_deepl_has_not_costs_no_request(source: str, target: str) -> None:
    wire = WireDouble()
    with pytest.raises(ProviderError) as caught:
        await _translated(DeepL(), wire, **{"from": source}, to=target)
    assert caught.value.provider_specific
    assert wire.sent == []


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        (400, ErrorClass.INVALID_REQUEST),
        (403, ErrorClass.AUTHENTICATION),
        (404, ErrorClass.PERMISSION),
        (413, ErrorClass.CONTEXT_TOO_LONG),
        (414, ErrorClass.CONTEXT_TOO_LONG),
        (429, ErrorClass.RATE_LIMITED),
        (456, ErrorClass.QUOTA),
        (500, ErrorClass.SERVER_ERROR),
        (503, ErrorClass.SERVER_ERROR),
        (529, ErrorClass.RATE_LIMITED),
    ],
)
async def test_deepls_statuses(status: int, wanted: ErrorClass) -> None:
    assert (await _failure(DeepL(), reply({"message": "no"}, status=status))).error_class is wanted


async def test_a_target_that_deepl_refuses_may_go_to_the_next() -> None:
    refusal = reply({"message": "Value for 'target_lang' not supported."}, status=400)
    assert (await _failure(DeepL(), refusal)).provider_specific


async def test_a_used_up_period_fails_the_probe_and_a_part_of_it_is_told() -> None:
    def usage(count: int) -> WireDouble:
        return WireDouble(reply({"character_count": count, "character_limit": 500_000}))

    passed = await DeepL().probe(call(DeepL(), usage(125_000), secret="key"))
    assert (passed.rung, passed.detail) == ("quota", "125,000 of 500,000 characters used")
    with pytest.raises(ProviderError) as caught:
        await DeepL().probe(call(DeepL(), usage(500_000), secret="key"))
    assert caught.value.error_class is ErrorClass.QUOTA


async def test_an_answer_without_translation_is_a_bad_result() -> None:
    with pytest.raises(BadResult):
        await _translated(DeepL(), WireDouble(reply({"translations": []})))


# --- LibreTranslate ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "target", "sent"),
    [
        (None, "es", ("auto", "es")),
        ("en-GB", "pt-BR", ("en", "pb")),
        ("zh-Hant", "zh-Hans", ("zt", "zh")),
        ("pt", "no", ("pt", "nb")),
    ],
)
async def test_libretranslate_is_asked_in_its_own_codes(source: str | None, target: str, sent: tuple[str, str]) -> None:
    wire = WireDouble(reply({"translatedText": "x"}))
    driver = LibreTranslate()
    operation = translate(to=target, **({"from": source} if source else {}))
    await driver.call(call(driver, wire, operation=operation, secret="key", base_url="http://127.0.0.1:5000/"))
    body = wire.sent[0].json
    assert (body["source"], body["target"], body["api_key"]) == (*sent, "key")
    assert "key" not in wire.sent[0].url
    assert not wire.sent[0].headers


@pytest.mark.parametrize(
    ("status", "words", "wanted"),
    [
        (400, "Please contact the server operator to get an API key", ErrorClass.AUTHENTICATION),
        (400, "Visit https://portal.example to get an API key", ErrorClass.AUTHENTICATION),
        (400, "Invalid request: request (9) exceeds text limit (5)", ErrorClass.CONTEXT_TOO_LONG),
        (400, "tlh is not supported", ErrorClass.INVALID_REQUEST),
        (400, "Invalid request: missing q parameter", ErrorClass.INVALID_REQUEST),
        (403, "Invalid API key", ErrorClass.AUTHENTICATION),
        (403, "Too many request limits violations", ErrorClass.RATE_LIMITED),
        (429, "Slowdown: 20 per 1 minute", ErrorClass.RATE_LIMITED),
        (429, "Slowdown: 100 per 1 day", ErrorClass.QUOTA),
        (500, "Cannot translate text: out of memory", ErrorClass.SERVER_ERROR),
    ],
)
async def test_libretranslates_words_decide(status: int, words: str, wanted: ErrorClass) -> None:
    assert (await _failure(LibreTranslate(), reply({"error": words}, status=status))).error_class is wanted


async def test_an_unsupported_language_may_go_to_the_next_and_a_missing_text_may_not() -> None:
    unsupported = await _failure(LibreTranslate(), reply({"error": "tlh is not supported"}, status=400))
    missing = await _failure(LibreTranslate(), reply({"error": "Invalid request: missing q"}, status=400))
    assert (unsupported.provider_specific, missing.provider_specific) == (True, False)


async def test_a_ban_is_waited_out() -> None:
    banned = reply({"error": "Too many request limits violations"}, status=403)
    assert (await _failure(LibreTranslate(), banned)).retry_after_s == 3600


async def test_an_error_that_repeats_the_text_is_not_quoted() -> None:
    said = await _failure(LibreTranslate(), reply({"error": "Cannot translate: The house is red."}, status=500))
    assert "house" not in said.message


async def test_the_pairs_of_a_server_are_its_capabilities() -> None:
    languages = [
        {"code": "en", "name": "English", "targets": ["en", "es", "zt"]},
        {"code": "zh-Hans", "name": "Chinese", "targets": ["en"]},
    ]
    wire = WireDouble(reply(languages), reply({"charLimit": 2000, "keyRequired": False}))
    described = await LibreTranslate().describe(call(LibreTranslate(), wire, base_url="http://127.0.0.1:5000"))
    offered = described.capabilities or ()
    assert described.max_characters == 2000
    for wanted in ("en>es", "auto>es", "en-GB>zh-Hant", "zh>en", "zh-Hans>en"):
        assert serves(offered, f"translate:{wanted}"), wanted
    for unwanted in ("es>en", "en>en", "en>fr"):
        assert not serves(offered, f"translate:{unwanted}"), unwanted


async def test_a_server_without_a_limit_says_minus_one() -> None:
    wire = WireDouble(reply([]), reply({"charLimit": -1}))
    described = await LibreTranslate().describe(call(LibreTranslate(), wire, base_url="http://127.0.0.1:5000"))
    assert described.max_characters is None


async def test_a_server_without_models_does_not_pass_its_probe() -> None:
    with pytest.raises(ProviderError) as caught:
        await LibreTranslate().probe(call(LibreTranslate(), WireDouble(reply([])), base_url="http://127.0.0.1:5000"))
    assert caught.value.error_class is ErrorClass.SERVER_ERROR


async def test_a_provider_without_an_address_is_left_for_the_next() -> None:
    failure = await _failure(LibreTranslate(), reply(None), base_url=None)
    assert failure.provider_specific
    assert "base_url" in failure.message


# --- Apertium ---------------------------------------------------------------------------------------------------


async def test_apertium_is_sent_a_form_in_the_body_and_no_query() -> None:
    wire = WireDouble(reply({"responseData": {"translatedText": "La casa"}, "responseStatus": 200}))
    result = await _translated(Apertium(), wire, **{"from": "en-GB"})
    assert result.value == {"text": "La casa"}
    assert wire.sent[0].form == {
        "langpair": "eng|spa",
        "q": "The house is red.",
        "markUnknown": "no",
        "format": "txt",
    }
    assert wire.sent[0].params == {}


async def test_apertium_handles_html_by_itself() -> None:
    wire = WireDouble(reply({"responseData": {"translatedText": "x"}, "responseStatus": 200}))
    await _translated(Apertium(), wire, **{"from": "en"}, format="html")
    assert "format" not in wire.sent[0].form


async def test_apertium_cannot_detect_and_says_so_without_a_request() -> None:
    wire = WireDouble()
    with pytest.raises(ProviderError) as caught:
        await _translated(Apertium(), wire)
    assert caught.value.provider_specific
    assert wire.sent == []


@pytest.mark.parametrize(
    ("body", "status", "wanted", "specific"),
    [
        ({"status": "error", "code": 400, "explanation": "That pair is not installed"}, 400, "invalid_request", True),
        ({"status": "error", "code": 408, "explanation": "slow"}, 408, "timeout", False),
        ({"status": "error", "code": 503, "explanation": "internal error"}, 503, "server_error", False),
        ({"status": "error", "code": 503, "explanation": "internal error"}, 200, "server_error", False),
        ({"responseStatus": 400, "responseDetails": "no pair", "responseData": {}}, 200, "invalid_request", True),
        ({"responseStatus": 451, "responseData": None}, 200, "permission", False),
    ],
)
async def test_apertiums_failures(body: object, status: int, wanted: str, specific: bool) -> None:
    failure = await _failure(Apertium(), reply(body, status=status))
    assert (failure.error_class, failure.provider_specific) == (wanted, specific)


async def test_installed_pairs_are_capabilities() -> None:
    pairs = [("eng", "spa"), ("oci_aran", "cat"), ("spa", "por_BR"), ("eng", "hbs_HR"), ("eng", "12345")]
    data = [{"sourceLanguage": source, "targetLanguage": target} for source, target in pairs]
    described = await Apertium().describe(call(Apertium(), WireDouble(reply({"responseData": data}))))
    assert described.capabilities == (
        "translate:en>es",
        "translate:en>hr",
        "translate:es>pt-BR",
        "translate:oc-aranes>ca",
    )


@pytest.mark.parametrize("code", ["eng", "spa", "por_BR", "hbs_HR", "hbs", "oci_aran", "cat_valencia", "sme", "ast"])
def test_an_installed_code_is_asked_for_as_it_was_listed(code: str) -> None:
    tag = from_apertium(code)
    assert tag is not None
    assert to_apertium(tag) == code


def test_each_short_code_has_one_long_one() -> None:
    assert len(THREE_LETTERS) == len(TWO_LETTERS) == 184
    assert all(len(two) == 2 and len(three) == 3 for two, three in THREE_LETTERS.items())
