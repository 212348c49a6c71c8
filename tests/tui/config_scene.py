"""A made-up configuration whose figures are real: read, edited and compared by the rules of the file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tests.tui.scene import NOW

from provider_console.adapters import toml_edit
from provider_console.adapters.environment import split_key
from provider_console.adapters.settings_file import revision_of
from provider_console.adapters.settings_text import Surroundings, read
from provider_console.adapters.settings_values import tables, values
from provider_console.console.errors import BadRequest, ConfigurationInvalid, Conflict
from provider_console.console.views import (
    ConfigImpact,
    ConfigView,
    PlanChange,
    RevisionView,
    SecretBackend,
    SecretView,
    TrialView,
    iso,
)
from provider_console.core.ports.settings import LoadedSettings, SettingsInvalid
from provider_console.engine.setting_changes import changes, diff_of
from provider_console.engine.settings_desk import setting_view, table_view
from provider_console.sdk.context import SettingsSection
from provider_console_dynamic_ai.settings import DynamicAISettings
from provider_console_translation.settings import TranslationSettings

FILE: Final = "/home/alice/.config/provider-console/config.toml"
TEXT: Final = """\
[engine]
max_retries = 5                # attempts a provider
max_providers = 4
response_time_threshold = 9000
on_refusal = "next"

[access]
super_admins = ["alice"]
admins = ["bob", "carol"]

[translation]
prefer = { "en>es" = ["deepl", "google_translate"] }

[translation.providers.deepl]
driver = "deepl"
credential = "DEEPL_AUTH_KEY"
tier = "primary"

[translation.providers.libretranslate]
driver = "libretranslate"
base_url = "http://10.0.4.12:5000"
network = "private"
tier = "secondary"

[dynamic_ai.providers.openai]
driver = "openai"
credential = "OPENAI_API_KEY"
models = ["gpt-5-mini", "gpt-5"]
"""
ENVIRONMENT: Final = {"PROVIDER_CONSOLE__ENGINE__RESPONSE_TIME_THRESHOLD": "12000"}
THEIRS: Final = TEXT.replace("max_providers = 4", "max_providers = 2")
"""What a second editor made of it."""
SECRETS: Final = (
    SecretView(
        name="DEEPL_AUTH_KEY",
        present=True,
        backend="keyring",
        age_ms=12 * 86_400_000.0,
        last_success_age_ms=8_000.0,
        used_by=("deepl",),
    ),
    SecretView(
        name="OPENAI_API_KEY",
        present=True,
        backend="keyring",
        age_ms=40 * 86_400_000.0,
        last_success_age_ms=120_000.0,
        used_by=("openai",),
    ),
)


SECTIONS: Final = (
    SettingsSection(name="translation", type=TranslationSettings),
    SettingsSection(name="dynamic_ai", type=DynamicAISettings),
)


class ConfigDesk:
    """The console's answers about one file, and the file: `text` may be changed behind the terminal's back."""

    def __init__(self, text: str = TEXT, *, trial: TrialView | None = None, problem: str | None = None) -> None:
        self.text = text
        self.trial = trial
        self.problem = problem
        self.saved: list[tuple[str, str, float | None]] = []
        self.revisions = [
            RevisionView(id=41, at=iso(NOW - 60), author="alice", reason="set engine.on_refusal", hash="", valid=True),
            RevisionView(id=40, at=iso(NOW - 86_400), author="file", reason="found", hash="", valid=True),
            RevisionView(id=39, at=iso(NOW - 9 * 86_400), author="bob", reason="edit", hash="", valid=True),
        ]
        self.texts = {
            41: text,
            40: TEXT.replace('on_refusal = "next"\n', ""),
            39: TEXT.replace("max_providers = 4", "max_provider = 4"),
        }

    def _loaded(self, text: str) -> LoadedSettings:
        around = Surroundings(environ=ENVIRONMENT, overrides={})
        try:
            return read(text, sections=SECTIONS, around=around, file=FILE, revision=revision_of(text.encode()))
        except SettingsInvalid as error:
            raise ConfigurationInvalid(str(error).splitlines()) from error

    def config(self) -> ConfigView:
        """See `Console.config`."""
        loaded = self._loaded(self.text)

        def origin(key: str) -> str:
            found = loaded.origins.get(key)
            return "default" if found is None else f"{found.source}:{found.line}" if found.line else found.source

        return ConfigView(
            revision=revision_of(self.text.encode()),
            file=FILE,
            problem=self.problem,
            trial=self.trial,
            settings=tuple(setting_view(each, origin(each.key)) for each in values(loaded.settings, SECTIONS)),
            tables=tuple(map(table_view, tables(SECTIONS))),
        )

    def config_text(self) -> tuple[str, str]:
        """See `Console.config_text`."""
        return self.text, revision_of(self.text.encode())

    def edited_config(self, wanted: Mapping[str, Any]) -> str:
        """See `Console.edited_config`."""
        text = self.text
        for key, value in wanted.items():
            text = toml_edit.edited(text, split_key(key), value, file=FILE)
        try:
            self._loaded(text)
        except ConfigurationInvalid as error:
            problem = error.message.splitlines()[-1].partition("config.toml:")[2].partition(" ")[2]
            raise BadRequest(problem, field=next(iter(wanted))) from error
        return text

    def config_impact(self, text: str) -> ConfigImpact:
        """See `Console.config_impact`; the plans are made up."""
        now, then = (values(self._loaded(each).settings, SECTIONS) for each in (self.text, text))
        before, after = ("openai", "libretranslate", "deepl", "google_translate"), ("openai", "libretranslate", "deepl")
        fewer = any(change.key == "engine.max_providers" for change in changes(now, then))
        plans = (PlanChange(what="translation", before=before, after=after),) if fewer else ()
        return ConfigImpact(
            changed=tuple(changes(now, then)),
            plans=plans,
            line="; ".join(one.what for one in plans),
            diff=tuple(diff_of(self.text, text, file="config.toml")),
        )

    def replace_config(
        self, text: str, *, revision: str, reason: str, confirm_within_s: float | None = None
    ) -> ConfigView:
        """See `Console.replace_config`."""
        if revision != self.config_text()[1]:
            raise Conflict("somebody else changed the configuration since you read it")
        self._loaded(text)
        self.text = text
        self.saved.append((text, reason, confirm_within_s))
        if confirm_within_s is not None:
            self.trial = TrialView(reason=reason, author="alice", until=iso(NOW + confirm_within_s))
        return self.config()

    def validate_config(self, text: str) -> ConfigView:
        """See `Console.validate_config`."""
        self._loaded(text)
        return self.config()

    def confirm_config(self) -> ConfigView:
        """See `Console.confirm_config`."""
        self.trial = None
        return self.config()

    def revision_text(self, revision_id: int) -> str:
        """See `Console.revision_text`."""
        return self.texts[revision_id]

    def restore_config(self, revision_id: int) -> ConfigView:
        """See `Console.restore_config`."""
        self._loaded(self.texts[revision_id])
        self.text = self.texts[revision_id]
        return self.config()

    @property
    def answers(self) -> dict[str, Any]:
        """The answers for a frozen console."""
        return {
            **{
                name: getattr(self, name)
                for name in (
                    "config",
                    "config_text",
                    "edited_config",
                    "config_impact",
                    "replace_config",
                    "confirm_config",
                    "validate_config",
                    "revision_text",
                    "restore_config",
                )
            },
            "config_history": lambda limit=50: tuple(self.revisions[:limit]),
            "secrets": lambda: SECRETS,
            "secret_backend": SecretBackend(name="the keyring", usable=True),
            "set_secret": lambda name, _value: next((each for each in SECRETS if each.name == name), SECRETS[0]),
            "test_secret": lambda _name: (),
        }
