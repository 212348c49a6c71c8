"""What a plugin's context shows, and what it does not."""

from __future__ import annotations

import gc

import pytest

from provider_console.engine.plugin_context import Context
from provider_console.sdk import CredentialInfo, Secret

CANARY = "canary-4711-0815"


class Secrets:
    """The part of a secret store that a context may touch, and the part that it may not."""

    async def names(self):
        return ("DEEPL",)

    async def info(self, name):
        return CredentialInfo(name=name, present=name == "DEEPL", backend="keyring", age_s=60.0)

    async def get(self, name):
        return Secret(CANARY)


class Http:
    def __init__(self):
        self.asked = []

    def client(self, *, network, bearer=None):
        self.asked.append((network, bearer))
        return "client"


def context(sections=None, http=None):
    return Context("mine", own=("mine", "more"), current=lambda: sections or {}, secrets=Secrets(), http=http or Http())


def test_only_own_sections_are_shown_as_they_are_now():
    sections = {"mine": 1, "translation": 2}
    own = context(sections)

    first = own.settings()
    sections["more"] = 3

    assert dict(first) == {"mine": 1}
    assert dict(own.settings()) == {"mine": 1, "more": 3}
    with pytest.raises(TypeError):
        first["mine"] = 9


async def test_credentials_are_names_presence_and_age():
    credentials = context().credentials

    assert await credentials.names() == ("DEEPL",)
    assert await credentials.info("DEEPL") == CredentialInfo(name="DEEPL", present=True, backend="keyring", age_s=60.0)


@pytest.mark.parametrize("way", ["get", "cached", "set", "delete", "forget", "used"])
def test_credentials_offer_no_way_to_a_value(way):
    assert not hasattr(context().credentials, way)


def test_no_attribute_of_a_context_leads_to_the_store():
    own = context()

    near = [*vars(own).values(), *(getattr(own.credentials, slot) for slot in own.credentials.__slots__)]

    assert not any(isinstance(value, Secrets) for value in near)


async def test_using_a_context_brings_no_secret_into_being():
    own = context()
    await own.credentials.names()
    await own.credentials.info("DEEPL")

    assert not any(isinstance(thing, Secret) and thing == Secret(CANARY) for thing in gc.get_objects())


def test_a_client_is_held_to_its_network():
    http = Http()
    own = context(http=http)

    assert own.http() == "client"
    own.http(network="loopback", bearer="PLATFORM")

    assert http.asked == [("global", None), ("loopback", "PLATFORM")]


def test_the_log_carries_the_plugins_name():
    assert context().logger.name == "provider_console.plugin.mine"
