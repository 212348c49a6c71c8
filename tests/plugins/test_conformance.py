"""The built-in drivers and sources keep what every plugin has to keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from provider_console.sandbox import (
    ApertiumSandbox,
    DeepLSandbox,
    LibreTranslateSandbox,
    OllamaSandbox,
    OpenAISandbox,
    Vendor,
)
from provider_console.sdk import HttpClient, Operation
from provider_console.testing.conformance import DriverConformance, SourceConformance
from provider_console.testing.fakes import FakeCredentials, Sent, WireDouble, chat, embed, reply, translate
from provider_console.testing.fakes import Reply as WireReply

HOUSE = "The house is red."


class TestDeepL(DriverConformance):
    entry_point = "translation"
    driver_name = "deepl"
    secret = "conformance/7f3a+canary:fx"

    def vendor(self) -> Vendor:
        return DeepLSandbox(key=self.secret)

    def operations(self) -> Sequence[Operation]:
        return (translate(HOUSE), translate("Read the <b>manual</b>.", format="html", **{"from": "en"}))


class TestLibreTranslate(DriverConformance):
    entry_point = "translation"
    driver_name = "libretranslate"

    def vendor(self) -> Vendor:
        return LibreTranslateSandbox(key=self.secret)

    def operations(self) -> Sequence[Operation]:
        return (translate(HOUSE), translate("Hello, {name}!", **{"from": "en"}))


class TestApertium(DriverConformance):
    entry_point = "translation"
    driver_name = "apertium"

    def vendor(self) -> Vendor:
        return ApertiumSandbox()

    def operations(self) -> Sequence[Operation]:
        return (translate(HOUSE, **{"from": "en"}), translate("Hello, {name}!", **{"from": "en-GB"}))


class TestOpenAI(DriverConformance):
    entry_point = "dynamic_ai"
    driver_name = "openai"
    models = ("gpt-5-mini", "text-embedding-3-small")

    def vendor(self) -> Vendor:
        return OpenAISandbox(key=self.secret)

    def operations(self) -> Sequence[Operation]:
        return (chat(HOUSE), translate(HOUSE), embed([HOUSE, "another"]))


class TestOpenAICompatible(TestOpenAI):
    driver_name = "openai_compatible"

    def vendor(self) -> Vendor:
        return OpenAISandbox(key=self.secret, flavour="openrouter")


class TestOllama(DriverConformance):
    entry_point = "dynamic_ai"
    driver_name = "ollama"
    models = ("llama3.2:3b", "nomic-embed-text:latest")

    def vendor(self) -> Vendor:
        return OllamaSandbox(key=self.secret)

    def operations(self) -> Sequence[Operation]:
        return (chat(HOUSE), translate(HOUSE), embed([HOUSE, "another"]))


class TestConfiguredTranslators(SourceConformance):
    entry_point = "translation"
    source_name = "translation"
    configures = True

    def tables(self) -> Mapping[str, object]:
        table = {"driver": "deepl", "credential": "DEEPL_AUTH_KEY", "name": {"en": "DeepL"}}
        return {"translation": {"providers": {"deepl": table, "apertium": {"driver": "apertium"}}}}


class TestConfiguredModels(SourceConformance):
    entry_point = "dynamic_ai"
    source_name = "dynamic_ai"
    configures = True

    def tables(self) -> Mapping[str, object]:
        table = {"driver": "openai", "models": ["gpt-5-mini"], "cost": {"input": 0.25, "output": 2.0}}
        return {"dynamic_ai": {"providers": {"openai": table}}}


class TestCatalogues(SourceConformance):
    entry_point = "dynamic_ai"
    source_name = "dynamic_ai_catalogue"

    def tables(self) -> Mapping[str, object]:
        return {"dynamic_ai": {"catalogues": [{"url": "https://platform.example/providers", "credential": "TOKEN"}]}}

    def wire(self) -> HttpClient:
        entry = {"id": "acme", "name": "Acme", "driver": "openai", "baseUrl": "https://acme.example/v1"}
        return WireDouble(always=reply({"providers": [entry, {**entry, "id": "other"}]}))


class TestLocalServers(SourceConformance):
    entry_point = "dynamic_ai"
    source_name = "dynamic_ai_local"

    def wire(self) -> HttpClient:
        def answer(sent: Sent) -> WireReply:
            if ":11434/" in sent.url:
                return reply({"models": [{"name": "llama3.2:3b"}]})
            return reply({"data": [{"id": "qwen"}]}) if ":1234/" in sent.url else WireReply(status=404)

        return WireDouble(always=answer)


class TestSystemSecrets(SourceConformance):
    entry_point = "system_secrets"
    source_name = "system_secrets"

    def credentials(self) -> FakeCredentials:
        return FakeCredentials(stored=["OPENAI_API_KEY_TEAM", "DEEPL_AUTH_KEY"], environment=["MISTRAL_API_KEY"])
