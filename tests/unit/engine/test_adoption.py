"""Adoption: what was found is used as it was seen, or not at all."""

from __future__ import annotations

import pytest
from tests.unit.engine.workbench import bench, play, provider

from provider_console.console.errors import BadRequest, Conflict

SEEN = {"base_url": "https://api.example/v1", "credential": "OPENAI_API_KEY"}


@pytest.mark.parametrize("changed", [{"base_url": "https://evil.example"}, {"credential": "OTHER_KEY"}])
def test_what_says_something_else_than_was_seen_is_not_adopted(changed: dict[str, str]) -> None:
    async def history() -> str:
        async with bench(provider("found", configured=False, enabled=False, network="global", **SEEN)) as it:
            it.plugins.driver_section = {"scripted": "dynamic_ai"}
            seen = await it.console.provider("found")
            assert seen.credential is not None
            found = provider("found", configured=False, enabled=False, network="global", **{**SEEN, **changed})
            it.source.descriptors = [found]
            await it.console.clear_cache()

            with pytest.raises(Conflict, match="nothing was adopted"):
                await it.console.adopt_provider("found", base_url=seen.base_url, credential=seen.credential.name)
            return (await it.console.config_text())[0]

    assert play(history) == ""


def test_what_is_configured_is_not_adopted_again() -> None:
    async def history() -> None:
        async with bench(provider("a")) as it:
            with pytest.raises(BadRequest, match="configured already"):
                await it.console.adopt_provider("a", base_url=None, credential=None)

    play(history)
