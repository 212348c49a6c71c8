from hypothesis import given, settings
from hypothesis import strategies as st

from provider_console.core.coverage import Entry, Server, Wanted, coverage, wanted_by
from provider_console.sdk import Cost, Provider

EN_ES = Wanted(category="translation", capability="translate:en>es")


def provider(name: str, *capabilities: str, categories=("translation",), enabled: bool = True) -> Provider:
    return Provider(
        id=name,
        driver="fake",
        configured=True,
        enabled=enabled,
        names={},
        base_url=None,
        credential=None,
        network="global",
        tier="primary",
        categories=categories,
        capabilities=capabilities,
        models=(),
        cost=Cost(input=2.0),
        region=None,
        max_characters=None,
        sources=("translation",),
        provenance={},
    )


def entry(*servers: Server, wanted: Wanted = EN_ES) -> Entry:
    return coverage(servers, [wanted])[0]


def test_two_serve_it_and_the_second_takes_over() -> None:
    first = Server(provider=provider("a", "translate:en>es"), eligible=True)
    second = Server(provider=provider("b", "translate:*>*"), eligible=True, latency_s=0.4)

    found = entry(first, second)

    assert (found.status, found.providers) == ("served", ("a", "b"))
    assert found.takes_over == second
    assert found.cost == Cost(input=2.0)


def test_one_alone_breaks_it_when_it_dies() -> None:
    found = entry(
        Server(provider=provider("a", "translate:en>es"), eligible=True),
        Server(provider=provider("b", "translate:en>es"), eligible=False),
        Server(provider=provider("c", "translate:en>fr"), eligible=True),
    )

    assert (found.status, found.providers, found.takes_over, found.cost) == ("breaks if it dies", ("a",), None, None)


def test_nobody_serves_it() -> None:
    other_family = Server(provider=provider("a", "translate:en>es", categories=("ai",)), eligible=True)

    assert (entry(other_family).status, entry(other_family).providers) == ("not served", ())


def test_what_is_wanted_is_each_ability_in_its_first_category_and_the_configured_pairs() -> None:
    wanted = wanted_by(
        [
            provider("a", "text_generation", "translate:*>*", categories=("ai", "translation")),
            provider("b", "vision", enabled=False),
        ],
        ["en>es", "en>es"],
    )

    assert wanted == [
        Wanted(category="ai", capability="text_generation"),
        EN_ES,
    ]


@settings(max_examples=80, deadline=None)
@given(flags=st.lists(st.tuples(st.booleans(), st.booleans()), max_size=8))
def test_an_entry_counts_who_is_able_and_eligible(flags: list[tuple[bool, bool]]) -> None:
    servers = [
        Server(provider=provider(f"p{place}", "translate:en>es" if able else "translate:en>fr"), eligible=eligible)
        for place, (able, eligible) in enumerate(flags)
    ]
    expected = tuple(f"p{place}" for place, (able, eligible) in enumerate(flags) if able and eligible)

    found = entry(*servers)

    assert found.providers == expected
    assert found.status == ("not served", "breaks if it dies", "served")[min(2, len(expected))]
    assert (found.takes_over.provider.id if found.takes_over else None) == (expected[1] if len(expected) > 1 else None)
