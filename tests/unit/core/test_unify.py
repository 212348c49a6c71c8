from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provider_console.core.unify import canonical, unify
from provider_console.sdk import Cost, Driver, Provider, ProviderDescriptor


class OpenAI(Driver):
    name, title, categories, credential = "openai", "OpenAI", ("ai", "translation"), "required"
    capabilities, rungs = ("text_generation", "translate:*>*"), ()
    default_base_url, max_characters = "https://api.openai.example/v1", 9000


class DeepL(Driver):
    name, title, categories, credential = "deepl", "DeepL", ("translation",), "required"
    capabilities, rungs = (), ()


DRIVERS: dict[str, Driver] = {"openai": OpenAI(), "deepl": DeepL()}  # type: ignore[abstract]


def says(source: str, name: str, **fields: Any) -> tuple[str, ProviderDescriptor]:
    return source, ProviderDescriptor(id=name, **fields)


def one(*found: tuple[str, ProviderDescriptor]) -> Provider:
    providers, problems = unify(found, drivers=DRIVERS)
    assert (len(providers), problems) == (1, [])
    return providers[0]


def test_what_the_driver_knows_fills_the_gaps_and_says_so() -> None:
    provider = one(says("dynamic_ai", "openai", driver="openai", configured=True))

    assert (provider.base_url, provider.network) == ("https://api.openai.example/v1", "global")
    assert (provider.categories, provider.capabilities) == (OpenAI.categories, OpenAI.capabilities)
    assert (provider.max_characters, provider.tier, provider.enabled) == (9000, "primary", True)
    assert provider.provenance["base_url"] == provider.provenance["max_characters"] == "driver"
    assert provider.provenance["driver"] == "configuration"


def test_what_was_found_and_not_configured_is_not_used() -> None:
    provider = one(says("system_secrets", "openai", driver="openai", enabled=True))

    assert (provider.configured, provider.enabled, provider.tier) == (False, False, "fallback")


def test_only_the_administrator_switches_off_what_is_configured() -> None:
    configured = says("dynamic_ai", "openai", driver="openai", configured=True)

    assert one(configured, says("dynamic_ai", "openai", enabled=False)).enabled
    assert not one(says("dynamic_ai", "openai", driver="openai", configured=True, enabled=False)).enabled


def test_sources_come_in_their_order_and_each_field_keeps_where_it_came_from() -> None:
    provider = one(
        says("zebra", "openai", driver="openai", region="z", cost=Cost(input=1.0)),
        says("aardvark", "openai", driver="openai", region="a", credential="A"),
        says("system_secrets", "openai", driver="openai", credential="OPENAI_API_KEY"),
        says("dynamic_ai", "openai", driver="openai", names={"en": "Open"}),
    )

    assert provider.sources == ("dynamic_ai", "system_secrets", "aardvark", "zebra")
    assert (provider.credential, provider.region, provider.name()) == ("OPENAI_API_KEY", "a", "Open")
    assert [provider.provenance[field] for field in ("credential", "region", "cost", "names")] == [
        "system_secrets",
        "aardvark",
        "zebra",
        "dynamic_ai",
    ]


def test_lists_are_unions_in_the_order_of_their_sources() -> None:
    provider = one(
        says("system_secrets", "openai", driver="openai", models=("b", "c")),
        says("dynamic_ai", "openai", driver="openai", models=("a", "b")),
    )

    assert provider.models == ("a", "b", "c")
    assert provider.provenance["models"] == "dynamic_ai, system_secrets"


def test_a_configured_list_replaces() -> None:
    provider = one(
        says("dynamic_ai", "openai", driver="openai", configured=True, models=("mine",)),
        says("provider", "openai", models=("a", "b")),
    )

    assert (provider.models, provider.provenance["models"]) == (("mine",), "configuration")


def test_two_addresses_are_shown_and_the_configured_one_is_used() -> None:
    provider = one(
        says("dynamic_ai", "openai", driver="openai", configured=True, base_url="https://a.example/v1"),
        says("dynamic_ai", "openai", driver="openai", base_url="https://user:pw@b.example/v1?key=sk-live"),
    )

    assert provider.base_url == "https://a.example/v1"
    assert provider.contradictions == (
        "base_url: configuration says https://a.example/v1, dynamic_ai says https://b.example/v1; "
        "that of configuration is used",
    )


def test_a_closing_slash_is_no_contradiction() -> None:
    provider = one(
        says("dynamic_ai", "openai", driver="openai", base_url="https://a.example/v1"),
        says("system_secrets", "openai", driver="openai", base_url="https://a.example/v1/"),
    )

    assert provider.contradictions == ()


def test_an_address_that_cannot_be_read_does_not_stop_the_map() -> None:
    provider = one(
        says("dynamic_ai", "openai", driver="openai", base_url="https://[broken"),
        says("system_secrets", "openai", driver="openai", base_url="https://a.example/v1"),
    )

    assert "an address that cannot be read" in provider.contradictions[0]


def test_another_source_does_not_say_where_a_configured_key_goes() -> None:
    provider = one(
        says("dynamic_ai", "openai", driver="openai", configured=True, credential="MY_KEY"),
        says("dynamic_ai", "gpt", driver="openai", base_url="https://elsewhere.example", network="private"),
        says("zebra", "openai", driver="openai", credential="OTHER"),
    )

    assert (provider.base_url, provider.network, provider.credential) == (
        "https://api.openai.example/v1",
        "global",
        "MY_KEY",
    )


def test_names_of_one_vendor_are_one_provider_and_accounts_are_not() -> None:
    providers, problems = unify(
        [
            says("dynamic_ai", "OpenAI", driver="openai"),
            says("system_secrets", "gpt", driver="openai"),
            says("system_secrets", "openai-team", driver="openai"),
        ],
        drivers=DRIVERS,
    )

    assert ([provider.id for provider in providers], problems) == (["openai", "openai-team"], [])


def test_a_configured_key_stays_as_it_is_written_for_whoever_repeats_it() -> None:
    """What a provider says of itself comes back under its own id, which may be another vendor's nickname."""
    provider = one(
        says("dynamic_ai", "gpt", driver="openai", configured=True),
        says("provider", "gpt", models=("a",)),
    )

    assert (provider.id, provider.models) == ("gpt", ("a",))


def test_an_unknown_driver_is_a_problem_that_names_the_nearest() -> None:
    providers, problems = unify([says("translation", "mine", driver="depl", configured=True)], drivers=DRIVERS)

    assert providers == []
    assert [(problem.provider, problem.source, problem.message) for problem in problems] == [
        ("mine", "translation", "provider mine: unknown driver 'depl'; did you mean 'deepl'?")
    ]


def test_a_configured_provider_without_a_driver_is_a_problem() -> None:
    providers, problems = unify([says("translation", "mine", configured=True)], drivers=DRIVERS)

    assert providers == []
    assert "no driver is named; add driver = one of deepl, openai" in problems[0].message


@pytest.mark.parametrize("name", ["", "a b", "../etc", "x" * 65, "naïve", "a\x1b[31m"])
def test_an_id_that_is_none_is_a_problem_and_printed_clean(name: str) -> None:
    providers, problems = unify(
        [says("dynamic_ai", name, driver="openai"), says("translation", "deepl", driver="deepl")], drivers=DRIVERS
    )

    assert [provider.id for provider in providers] == ["deepl"]
    assert problems[0].message.isprintable()


def test_a_problem_with_one_does_not_hide_the_others() -> None:
    providers, problems = unify(
        [says("translation", "a", driver="nobody"), says("translation", "b", driver="deepl")], drivers=DRIVERS
    )

    assert ([provider.id for provider in providers], len(problems)) == (["b"], 1)


text = st.sampled_from(["a", "b", "https://a.example", "https://b.example/"])
descriptors = st.builds(
    ProviderDescriptor,
    id=st.sampled_from(["openai", "OpenAI", "gpt", "deepl", "deepl-work", "no id"]),
    driver=st.sampled_from([None, "openai", "deepl", "opnai"]),
    configured=st.booleans(),
    enabled=st.none() | st.booleans(),
    names=st.none() | st.dictionaries(st.sampled_from(["en", "es"]), text, max_size=2),
    base_url=st.none() | text,
    credential=st.none() | text,
    network=st.sampled_from([None, "global", "private", "loopback"]),
    tier=st.sampled_from([None, "primary", "secondary"]),
    capabilities=st.none() | st.lists(text, max_size=3).map(tuple),
    models=st.none() | st.lists(text, max_size=3).map(tuple),
    cost=st.none() | st.builds(Cost, input=st.floats(0, 9)),
    region=st.none() | text,
    max_characters=st.none() | st.integers(1, 9),
)
sources = st.sampled_from(["translation", "dynamic_ai", "system_secrets", "zebra", "aardvark"])
found = st.lists(st.tuples(sources, descriptors), max_size=8)


@settings(max_examples=100, deadline=None)
@given(found=found, data=st.data())
def test_the_same_input_in_any_order_gives_the_same_map(found, data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(found))

    assert unify(found, drivers=DRIVERS) == unify(shuffled, drivers=DRIVERS)


@settings(max_examples=100, deadline=None)
@given(found=found)
def test_every_provider_is_sound_and_nothing_is_hidden(found) -> None:
    providers, problems = unify(found, drivers=DRIVERS)

    assert len({provider.id for provider in providers}) == len(providers)
    for provider in providers:
        assert provider.driver in DRIVERS
        assert provider.configured or not provider.enabled
        assert set(provider.sources) <= {source for source, _ in found}
        assert len(set(provider.models)) == len(provider.models)
    seen = {provider.id for provider in providers} | {problem.provider for problem in problems}
    for _, descriptor in found:
        assert descriptor.driver is None or {descriptor.id, canonical(descriptor.id)} & seen
