"""Commands about credentials and tokens ask nobody elsewhere, so that nobody can keep them waiting."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.e2e.home import Home, deepl, translation

from provider_console.sandbox import CatalogueSandbox, Listing, Server, serve_in_thread
from provider_console.sandbox.catalogue import PATH

pytestmark = pytest.mark.limit(60)


@pytest.fixture
def catalogue() -> Iterator[Server]:
    listing = Listing(id="acme", name="Acme", driver="openai", base_url="http://127.0.0.1:9/v1")
    with serve_in_thread(CatalogueSandbox([listing])) as server:
        yield server


def configure(home: Home, catalogue: Server, deepl_server: Server) -> None:
    tables = translation({"deepl": deepl(deepl_server.base_url)})
    listed = [{"url": f"{catalogue.origin}{PATH}", "network": "loopback"}]
    home.configure({**tables, "dynamic_ai": {"discover_local": False, "catalogues": listed}})


def test_secrets_and_token_ask_no_catalogue_and_no_provider(
    home: Home, catalogue: Server, deepl_server: Server
) -> None:
    configure(home, catalogue, deepl_server)

    assert home.run("secrets", "backend", "--json").json()["name"]
    secrets = home.run("secrets", "list", "--json")
    tokens = home.run("token", "list", "--json")
    refused = home.run("secrets", "test", "NOBODYS_KEY")

    assert (secrets.code, tokens.code, tokens.json()) == (0, 0, [])
    assert "no provider uses NOBODYS_KEY" in refused.err
    assert (len(catalogue.requests), len(deepl_server.requests)) == (0, 0)


def test_a_command_that_needs_the_whole_map_asks_for_it(home: Home, catalogue: Server, deepl_server: Server) -> None:
    configure(home, catalogue, deepl_server)

    home.run("providers", "--json")

    assert len(catalogue.requests) == 1
