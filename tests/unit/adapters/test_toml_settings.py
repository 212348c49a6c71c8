"""Settings from a file, the environment and the command line."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Literal

import msgspec
import pytest
from tests.unit.adapters.hand_clock import HandClock

from provider_console.adapters.settings_schema import describe
from provider_console.adapters.settings_text import MOST_PROBLEMS
from provider_console.adapters.toml_scan import MAX_ITEMS
from provider_console.adapters.toml_settings import TomlSettings
from provider_console.core.ports.settings import Origin, Revision, SettingsConflict, SettingsInvalid
from provider_console.core.ports.store import StoreUnavailable
from provider_console.core.settings import Settings
from provider_console.sdk import SettingsSection


class ProviderTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    driver: str
    credential: str | None = None
    tier: Literal["primary", "secondary", "fallback"] = "primary"
    models: tuple[str, ...] = ()
    name: str | dict[str, str] = ""


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    default_pair: str = "en>es"
    prefer: dict[str, tuple[str, ...]] = {}
    providers: dict[str, ProviderTable] = {}
    catalogues: tuple[dict[str, str], ...] = ()
    share: float = 0.5


SECTIONS = (SettingsSection(name="translation", type=Section),)


class Kept:
    """Revisions in a list."""

    def __init__(self) -> None:
        self.rows: list[Revision] = []

    async def add_revision(
        self,
        *,
        at: float,
        author: str,
        reason: str,
        hash: str,  # noqa: A002
        text: str,
        valid: bool,
    ) -> int:
        row = Revision(id=len(self.rows) + 1, at=at, author=author, reason=reason, hash=hash, text=text, valid=valid)
        self.rows.insert(0, row)
        return row.id

    async def revisions(self, *, limit: int = 50) -> list[Revision]:
        return self.rows[:limit]


class NowhereToKeep(Kept):
    async def add_revision(self, **_row: object) -> int:
        raise StoreUnavailable("console.db: the disk is full; free some space")


def store(
    file: Path,
    *,
    revisions: Kept | None = None,
    environ: dict[str, str] | None = None,
    overrides: dict[str, object] | None = None,
    tolerated: tuple[str, ...] = (),
) -> TomlSettings:
    return TomlSettings(
        file,
        revisions=revisions,
        clock=HandClock(),
        environ=environ or {},
        overrides=overrides or {},
        tolerated=tolerated,
    )


def write(file: Path, text: str) -> None:
    file.write_text(text)


def read(file: Path) -> str:
    return file.read_text()


def touch(file: Path) -> None:
    file.touch()


def remove(file: Path) -> None:
    file.unlink()


def exists(file: Path) -> bool:
    return file.exists()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def complaint(text: str, **around: object) -> str:
    settings = store(Path("config.toml"), **around)  # type: ignore[arg-type]
    with pytest.raises(SettingsInvalid) as caught:
        settings.validate(text, SECTIONS, file="config.toml")
    return str(caught.value)


# --- what is wrong, where, and what was expected ------------------------------------------------------------

NEVER = "write the NAME of the credential, never its value (capital letters, digits and _, like OPENAI_API_KEY)"

BAD = {
    "a word for a number": (
        '[engine]\nmax_retries = "five"',
        'config.toml:2:15: engine.max_retries: must be a whole number from 1 to 20, not "five"',
    ),
    "above its bound": (
        "[engine]\nmax_retries = 50",
        "config.toml:2:15: engine.max_retries: must be a whole number from 1 to 20, not 50",
    ),
    "a fraction for a whole number": (
        "[engine]\nmax_retries = 1.5",
        "config.toml:2:15: engine.max_retries: must be a whole number from 1 to 20, not 1.5",
    ),
    "true for a number": (
        "[engine]\nmax_retries = true",
        "config.toml:2:15: engine.max_retries: must be a whole number from 1 to 20, not true",
    ),
    "with its unit": (
        "[engine]\ndeadline = 5",
        "config.toml:2:12: engine.deadline: must be a whole number from 200 to 3,600,000 ms, not 5",
    ),
    "an open bound": (
        "[health]\nfailure_threshold = 0",
        "config.toml:2:21: health.failure_threshold: must be a number above 0 and at most 1, not 0",
    ),
    "not a number at all": (
        "[health]\nfailure_threshold = nan",
        "config.toml:2:21: health.failure_threshold: must be a number above 0 and at most 1, not nan",
    ),
    "beyond 64 bits": (
        "[engine]\nmax_retries = 99999999999999999999",
        "config.toml:2:15: engine.max_retries: must be a whole number from 1 to 20, not 99999999999999999999",
    ),
    "not among the choices": (
        '[log]\nlevel = "loud"',
        'config.toml:2:9: log.level: must be "debug", "info" or "warning", not "loud"',
    ),
    "empty is not unset": (
        '[log]\nlevel = ""',
        'config.toml:2:9: log.level: must be "debug", "info" or "warning", not an empty text',
    ),
    "against its pattern": (
        '[history]\nkeep_attempts = "soon"',
        'config.toml:2:17: history.keep_attempts: must be a text like "30d" (pattern ^[1-9][0-9]{0,4}[hdwy]$), '
        'not "soon"',
    ),
    "too long": (
        f'[appearance]\nlanguage = "{"e" * 36}"',
        "config.toml:2:12: appearance.language: must be a text of 2 to 35 characters, not the text given",
    ),
    "text for a list": (
        '[plugins]\ndisabled = "translation"',
        'config.toml:2:12: plugins.disabled: must be a list of texts, not "translation"',
    ),
    "one element of a list": (
        '[plugins]\ndisabled = ["a",\n  3]',
        "config.toml:3:3: plugins.disabled[1]: must be a text, not 3",
    ),
    "a value for a table": ("engine = 5", "config.toml:1:10: engine: must be a table, not 5"),
    "a table for a value": (
        "[log.level]\nx = 1",
        'config.toml:1:1: log.level: must be "debug", "info" or "warning", not a table',
    ),
    "a date for a number": (
        "[engine]\nmax_retries = 2026-11-22",
        "config.toml:2:15: engine.max_retries: must be a whole number from 1 to 20, not a date",
    ),
    "a misspelt key": (
        "[engine]\nmax_retrys = 5",
        "config.toml:2:1: engine.max_retrys: is not a known key; did you mean 'max_retries'?",
    ),
    "a key like no other": (
        "[history]\nzzz = 5",
        "config.toml:2:1: history.zzz: is not a known key; known: keep_attempts, keep_rollups, max_size_mb",
    ),
    "a misspelt table": (
        "\n[engin]\n",
        "config.toml:2:2: engin: is not a known table; did you mean 'engine'?",
    ),
    "a key outside every table": (
        "level = 1",
        "config.toml:1:1: level: is not a known table, and settings live in tables",
    ),
    "a key in a category": (
        "[engine.categories.translation]\nretri = 1",
        "config.toml:2:1: engine.categories.translation.retri: is not a known key; did you mean 'retry'?",
    ),
    "in an inline table": (
        "[engine]\ncategories = { ai = { deadline = 1 } }",
        "config.toml:2:34: engine.categories.ai.deadline: must be a whole number from 200 to 3,600,000 ms, not 1",
    ),
    "a dotted key": (
        "engine.max_retries = 0",
        "config.toml:1:22: engine.max_retries: must be a whole number from 1 to 20, not 0",
    ),
    "a plugin's key": (
        "[translation]\nshare = 'half'",
        'config.toml:2:9: translation.share: must be a number, not "half"',
    ),
    "a missing key": (
        "[translation.providers.deepl]",
        "config.toml:1:2: translation.providers.deepl.driver: is missing; it must be a text",
    ),
    "either of two types": (
        '[translation.providers.deepl]\ndriver = "deepl"\nname = 3',
        "config.toml:3:8: translation.providers.deepl.name: must be a text or a table, not 3",
    ),
    "inside one of two types": (
        '[translation.providers.deepl]\ndriver = "deepl"\nname = { en = 3 }',
        "config.toml:3:15: translation.providers.deepl.name.en: must be a text, not 3",
    ),
    "a provider's id": (
        '[translation.providers."Deep L"]\ndriver = "deepl"',
        'config.toml:1:2: translation.providers."Deep L": is not a provider\'s id; one has 1 to 64 of a to z, '
        "0 to 9, _ and -",
    ),
    "a path as a provider's id": (
        '[translation.providers."../x"]\ndriver = "deepl"',
        'config.toml:1:2: translation.providers."../x": is not a provider\'s id; one has 1 to 64 of a to z, '
        "0 to 9, _ and -",
    ),
    "a credential's value": (
        '[translation.providers.deepl]\ndriver = "deepl"\ncredential = "sk-short"',
        f"config.toml:3:14: translation.providers.deepl.credential: {NEVER}",
    ),
    "a credential's value in a list of tables": (
        '[translation]\ncatalogues = [{ url = "https://x.example", credential = "hunter2" }]',
        f"config.toml:2:57: translation.catalogues[0].credential: {NEVER}",
    ),
    "an empty credential": (
        '[translation.providers.deepl]\ndriver = "deepl"\ncredential = ""',
        "config.toml:3:14: translation.providers.deepl.credential: is empty; leave the key out where no credential "
        "is needed",
    ),
    "a key in a comment": (
        "[engine]\n# sk-0123456789abcdefghij",
        "config.toml:2:3: looks like the value of a credential; store it with `provider-console secrets set NAME`, "
        "then write the NAME of the credential, never its value",
    ),
    "a password in an address": (
        '[translation]\ncatalogues = [{ url = "https://me:hunter2@x.example" }]',
        "config.toml:2:23: translation.catalogues[0].url: holds a user name or a password; remove it and name a "
        "credential instead",
    ),
    "a password of a proxy": (
        '[network]\nproxy = "http://me:hunter2@proxy.company:3128"',
        "config.toml:2:9: network.proxy: holds a user or a password; store USER:PASSWORD as a credential and write its "
        "NAME in their place: http://NAME@host:port",
    ),
    "a proxy that is no address": (
        '[network]\nproxy = "proxy.company:3128"',
        "config.toml:2:9: network.proxy: is not the address of a proxy; write http://host:port",
    ),
    "delays the wrong way round": (
        "[engine]\nbase_delay = 5000\nmax_delay = 1000",
        "config.toml:3:13: engine.max_delay: must be at least base_delay (5000 ms), not 1000 ms",
    ),
    "a delay above the default": (
        "[engine]\nbase_delay = 20000",
        "config.toml:2:14: engine.base_delay: must be at most max_delay (10000 ms), not 20000 ms",
    ),
    "a category's delay above the general one": (
        "[engine.categories.ai]\nbase_delay = 20000",
        "config.toml:2:14: engine.categories.ai.base_delay: must be at most max_delay (10000 ms), not 20000 ms",
    ),
    "no quotation marks": (
        "[log]\nlevel = debug",
        "config.toml:2:9: is not valid TOML: there is no value here that TOML knows; a text needs quotation marks",
    ),
    "no quotation marks around what begins like infinity": (
        "[log]\nlevel = info",
        "config.toml:2:12: is not valid TOML: more stands behind the value than belongs there; a text needs quotation "
        "marks",
    ),
    "a key twice": (
        "[engine]\nmax_retries = 1\nmax_retries = 2",
        "config.toml:3:16: is not valid TOML: the key is given twice",
    ),
    "a table twice": ("[log]\n[log]", "config.toml:2:5: is not valid TOML: the table is given twice"),
    "a list without an end": (
        "[plugins]\ndisabled = [",
        "config.toml:2:13: is not valid TOML: there is no value here that TOML knows; a text needs quotation marks",
    ),
    "a text without an end": ('[log]\nlevel = "info', "config.toml:2:14: is not valid TOML: a text does not end"),
    "a byte order mark": (
        "\ufeff[log]",
        "config.toml:1:1: begins with a byte order mark; save it as UTF-8 without one",
    ),
}


@pytest.mark.parametrize(("text", "expected"), BAD.values(), ids=BAD.keys())
def test_a_bad_configuration_is_refused_in_plain_words(text: str, expected: str) -> None:
    assert complaint(text) == expected


def test_every_problem_is_named_in_the_order_of_the_lines() -> None:
    text = '[log]\nlevel = 5\n[engine]\nmax_retries = "five"\nretry = "fast"\n[helth]\n'

    lines = [line.split(": ")[:2] for line in complaint(text).splitlines()]

    assert lines == [
        ["config.toml:2:9", "log.level"],
        ["config.toml:4:15", "engine.max_retries"],
        ["config.toml:5:9", "engine.retry"],
        ["config.toml:6:2", "helth"],
    ]


@pytest.mark.parametrize(
    "value",
    [
        "sk-proj-0123456789abcdefghijklmnop",
        "hunter2",
        "12345678-1234-1234-1234-123456789abc:fx",
        "AKIAIOSFODNN7EXAMPLE",
        "0123456789ABCDEF0123456789ABCDEF",
        "AAAA0123456789ABCDEF0123456789AB",
        "https://user:pass@host/?key=1",
    ],
)
@pytest.mark.parametrize("place", ["credential", "tier", "driver2", "share"])
def test_a_message_never_repeats_what_could_be_a_credential(value: str, place: str) -> None:
    text = f'[translation]\nshare = 1\n[translation.providers.x]\ndriver = "x"\n{place} = "{value}"\n'

    said = complaint(text)

    assert value not in said or (value == "hunter2" and place == "tier")


def test_a_value_wrong_in_the_file_is_wrong_even_where_the_environment_overrules_it() -> None:
    said = complaint('[engine]\nmax_retries = "five"', environ={"PROVIDER_INTEGRATION_MAX_RETRIES": "7"})

    assert said == 'config.toml:2:15: engine.max_retries: must be a whole number from 1 to 20, not "five"'


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        (
            {"PROVIDER_INTEGRATION_MAX_RETRIES": "five"},
            'config.toml: engine.max_retries: must be a whole number from 1 to 20, not "five" '
            "(set by PROVIDER_INTEGRATION_MAX_RETRIES)",
        ),
        (
            {"PROVIDER_CONSOLE__LOG__LEVEL": ""},
            'config.toml: log.level: must be "debug", "info" or "warning", not an empty text '
            "(set by PROVIDER_CONSOLE__LOG__LEVEL)",
        ),
        (
            {"PROVIDER_CONSOLE__ENGIN__DEADLINE": "1"},
            "config.toml: engin: is not a known table; did you mean 'engine'? "
            "(set by PROVIDER_CONSOLE__ENGIN__DEADLINE)",
        ),
        (
            {"PROVIDER_INTEGRATION_MAX_DELAY": "500"},
            "config.toml: engine.max_delay: must be at least base_delay (1000 ms), not 500 ms "
            "(set by PROVIDER_INTEGRATION_MAX_DELAY)",
        ),
    ],
)
def test_a_problem_from_the_environment_names_the_variable(environ: dict[str, str], expected: str) -> None:
    assert complaint("", environ=environ) == expected


@pytest.mark.parametrize(
    ("around", "source"),
    [
        ({"environ": {"PROVIDER_CONSOLE__ACCESS__SUPER_ADMINS": '["me"]'}}, "PROVIDER_CONSOLE__ACCESS__SUPER_ADMINS"),
        ({"environ": {"PROVIDER_CONSOLE__ACCESS": "{}"}}, "PROVIDER_CONSOLE__ACCESS"),
        ({"overrides": {"access.admins": ["me"]}}, "command line"),
    ],
)
@pytest.mark.parametrize("text", ["", '[access]\nsuper_admins = ["alice"]'])
def test_nobody_gives_themselves_a_role_from_outside_the_file(
    text: str, around: dict[str, object], source: str
) -> None:
    said = complaint(text, **around)

    assert "access can only be set in config.toml" in said
    assert f"(set by {source})" in said


async def test_a_role_from_outside_the_file_is_refused_before_plugins_are_known_too(file: Path) -> None:
    with pytest.raises(SettingsInvalid, match=r"access can only be set in config\.toml"):
        await store(file, environ={"PROVIDER_CONSOLE__ACCESS__ADMINS": '["me"]'}).load_own()


# --- settings of every part -----------------------------------------------------------------

WHOLE = """
[api]
allowed_hosts = ["localhost", "127.0.0.1"]
requests_per_minute = 600

[appearance]
theme = "console-dark"
charts = "braille"
glyphs = "unicode"
language = "en"

[alerts]
on_alert = []
[[alerts.rules]]
name = "error rate"
when = "failure_rate > 20 for 60s and requests >= 10"
"""


def test_the_settings_of_every_part_have_their_effect_without_a_warning() -> None:
    loaded = store(Path("config.toml")).validate(WHOLE, SECTIONS, file="config.toml")

    assert loaded.warnings == ()
    assert loaded.settings.appearance.language == "en"


def test_a_retention_that_deletes_what_charts_show_is_said() -> None:
    text = '[history]\nkeep_attempts = "1h"\nkeep_rollups = "7d"\n'

    assert store(Path("config.toml")).validate(text, SECTIONS, file="config.toml").warnings == (
        "history.keep_attempts: deletes after 1h what charts of an hour by the minute beside the hour before show",
        "history.keep_rollups: deletes after 7d what charts of 30 days beside the 30 days before show",
    )
    assert not store(Path("config.toml")).validate("", SECTIONS, file="config.toml").warnings


@pytest.mark.parametrize(
    ("text", "unknown"),
    [("[history]\nkeep_rollup = 1", "history.keep_rollup"), ("[apis]\nx = 1", "apis")],
)
def test_what_is_only_like_a_setting_is_a_mistake(text: str, unknown: str) -> None:
    assert f"{unknown}: is not a known" in complaint(text)


# --- bombs --------------------------------------------------------------------------------------------------

HALF = 128 * 1024
BOMBS = {
    "larger than 256 KiB": "#" * (2 * HALF + 1),
    "deep dotted key": "a." * 8000 + "b = 1",
    "deep table": "[" + "a." * 8000 + "b]",
    "deep lists": "x = " + "[" * 50_000,
    "deep inline tables": "x = " + "{a = " * 20_000,
    "many keys": "\n".join(f"k{number} = 1" for number in range(MAX_ITEMS + 1)),
    "many tables": "\n".join(f"[t{number}]" for number in range(MAX_ITEMS + 1)),
    "many values": "x = [" + "1," * (HALF - 10) + "]",
    "wide and deep": "\n".join(f"a.b.c.d.e.f.g{number} = 1" for number in range(3000)),
    "many lines": "\n" * HALF,
    "escapes": 'x = "' + "\\n" * (HALF - 10) + '"',
    "one long text": 'x = "' + "a" * (2 * HALF - 10) + '"',
    "one long number": "x = 1." + "9" * (2 * HALF - 10),
    "a number longer than Python reads": "x = " + "9" * 5000,
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_is_refused_before_the_parser_sees_it(text: str) -> None:
    said = complaint(text)

    assert said.endswith("; no configuration needs that")
    assert len(said) < 200


def test_a_file_of_mistakes_names_the_first_of_them_and_counts_the_rest() -> None:
    said = complaint("[engine]\n" + "\n".join(f"k{number} = 1" for number in range(1000))).splitlines()

    assert said[0].startswith("config.toml:2:1: engine.k0: is not a known key")
    assert said[-1] == f"config.toml: {1000 - MOST_PROBLEMS} more problems are not shown"
    assert len(said) == MOST_PROBLEMS + 1


async def test_a_thousand_providers_are_a_configuration(file: Path) -> None:
    write(file, "".join(f'[translation.providers.p{n}]\ndriver = "x"\ntier = "primary"\n' for n in range(1000)))

    loaded = await store(file).load(SECTIONS)

    assert len(loaded.settings.sections["translation"].providers) == 1000


# --- precedence and origins ---------------------------------------------------------------------------------


async def test_no_file_means_defaults(file: Path) -> None:
    loaded = await store(file).load(())

    assert msgspec.structs.replace(loaded.settings, revision="") == Settings()
    assert set(loaded.origins.values()) == {Origin(source="default")}


async def test_the_later_source_wins_and_each_value_knows_its_origin(file: Path) -> None:
    write(file, "[engine]\nmax_retries = 2\nbase_delay = 10\nmax_delay = 20\n\n[log]\nlevel = 'info'\n")
    environ = {
        "PROVIDER_INTEGRATION_MAX_RETRIES": "3",
        "PROVIDER_INTEGRATION_BASE_DELAY": "11",
        "PROVIDER_CONSOLE__ENGINE__MAX_RETRIES": "4",
        "PROVIDER_CONSOLE__LOG__LEVEL": "debug",
    }

    loaded = await store(file, environ=environ, overrides={"log.level": "warning"}).load(())

    engine, origins = loaded.settings.engine, loaded.origins
    assert (engine.max_retries, engine.base_delay, engine.max_delay) == (4, 11, 20)
    assert loaded.settings.log.level == "warning"
    assert origins["engine.max_retries"] == Origin(source="PROVIDER_CONSOLE__ENGINE__MAX_RETRIES")
    assert origins["engine.base_delay"] == Origin(source="PROVIDER_INTEGRATION_BASE_DELAY")
    assert origins["engine.max_delay"] == Origin(source="config.toml", line=4)
    assert origins["engine.deadline"] == Origin(source="default")
    assert origins["log.level"] == Origin(source="command line")


async def test_origins_reach_into_providers_and_lists(file: Path) -> None:
    write(
        file,
        '[translation]\nprefer = { "en>es" = ["x"] }\n[translation.providers.my-x]\ndriver = "x"\n'
        '[[translation.catalogues]]\nurl = "a"\n[[translation.catalogues]]\nurl = "b"\n',
    )
    environ = {"PROVIDER_CONSOLE__TRANSLATION__PROVIDERS__MY_X__TIER": "fallback"}

    loaded = await store(file, environ=environ).load(SECTIONS)

    assert loaded.settings.sections["translation"].providers["my-x"].tier == "fallback"
    assert loaded.origins['translation.prefer."en>es"'].line == 2
    assert loaded.origins["translation.providers.my-x.driver"].line == 4
    assert loaded.origins["translation.providers.my-x.tier"].source.endswith("MY_X__TIER")
    assert loaded.origins["translation.providers.my-x.models"] == Origin(source="default")


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        ("PROVIDER_CONSOLE__NETWORK__CA_FILE", "", ""),
        ("PROVIDER_CONSOLE__NETWORK__CA_FILE", "123", "123"),
        ("PROVIDER_CONSOLE__NETWORK__CA_FILE", "true", "true"),
        ("PROVIDER_CONSOLE__NETWORK__CA_FILE", '"quoted"', "quoted"),
        ("PROVIDER_CONSOLE__NETWORK__CA_FILE", "a # b", "a # b"),
        ("PROVIDER_CONSOLE__NETWORK__CA_FILE", "x\ny = 1", "x\ny = 1"),
    ],
)
async def test_a_text_from_the_environment_stays_as_it_is(file: Path, variable: str, text: str, expected: str) -> None:
    loaded = await store(file, environ={variable: text}).load(())

    assert loaded.settings.network.ca_file == expected


async def test_a_list_from_the_environment_is_written_as_in_the_file(file: Path) -> None:
    loaded = await store(file, environ={"PROVIDER_CONSOLE__PLUGINS__DISABLED": '["a", "b"]'}).load(())

    assert loaded.settings.plugins.disabled == ("a", "b")


async def test_access_unset_is_not_access_empty(file: Path) -> None:
    unset = await store(file).load(())
    write(file, "[access]\n")
    empty = await store(file).load(())

    assert unset.settings.access is None
    assert empty.settings.access is not None
    assert empty.settings.access.super_admins == ()


async def test_a_table_of_a_plugin_that_is_not_loaded_is_a_warning(file: Path) -> None:
    write(file, "[elsewhere]\nx = 1\n")

    loaded = await store(file, tolerated=("elsewhere",)).load(())

    assert loaded.warnings == ("elsewhere: is not read: its plugin is not loaded",)
    with pytest.raises(SettingsInvalid):
        await store(file).load(())


async def test_the_console_reads_its_own_tables_before_plugins_are_known(file: Path) -> None:
    write(file, "[plugins]\ndisabled = ['x']\n[translation]\nshare = 'wrong'\n")

    loaded = await store(file, environ={"PROVIDER_CONSOLE__TRANSLATION__SHARE": "1"}).load_own()

    assert loaded.settings.plugins.disabled == ("x",)


async def test_a_plugin_cannot_take_a_table_of_the_console(file: Path) -> None:
    loaded = await store(file).load([SettingsSection(name="engine", type=Section)])

    assert loaded.settings.engine.max_retries == 5
    assert loaded.warnings == ("engine: a plugin's table has the name of one of the console's own and is not read",)


async def test_a_deadline_shorter_than_an_attempt_is_a_warning(file: Path) -> None:
    write(file, "[engine]\ndeadline = 5000\nresponse_time_threshold = 6000\n")

    loaded = await store(file).load(())

    assert loaded.warnings == (
        "engine.response_time_threshold: is longer (6000 ms) than the deadline of the whole operation (5000 ms), "
        "which wins",
    )


def test_every_setting_is_described_once_with_what_it_expects() -> None:
    table = {info.key: info for info in describe(SECTIONS)}

    assert len(table) == len(describe(SECTIONS))
    retries = table["engine.max_retries"]
    assert (retries.minimum, retries.maximum, retries.default) == (1, 20, 5)
    assert retries.description == "attempts a provider, the first one included"
    assert table["engine.deadline"].unit == "ms"
    assert table["log.level"].choices == ("debug", "info", "warning")
    assert table["translation.providers.NAME.driver"].required
    assert all(info.expected for info in table.values())


def test_every_default_is_what_its_description_says() -> None:
    loaded = store(Path("config.toml")).validate("", SECTIONS, file="config.toml")

    told = msgspec.to_builtins(loaded.settings)
    for info in describe():
        table, *rest = info.key.split(".")
        if len(rest) == 1 and told[table] is not None:
            assert told[table][rest[0]] == msgspec.to_builtins(info.default), info.key


# --- revisions, changes, editing ----------------------------------------------------------------------------


async def test_a_file_edited_by_hand_becomes_a_revision_once(file: Path) -> None:
    kept = Kept()
    settings = store(file, revisions=kept)
    write(file, "[log]\nlevel = 'debug'\n")

    await settings.load(())
    await settings.load(())

    assert [(row.author, row.text) for row in kept.rows] == [("file", "[log]\nlevel = 'debug'\n")]


async def test_an_invalid_text_is_not_kept(file: Path) -> None:
    kept = Kept()
    write(file, "[log]\nlevel = 'loud'\n")

    with pytest.raises(SettingsInvalid):
        await store(file, revisions=kept).load(())

    assert kept.rows == []


async def test_settings_load_where_revisions_cannot_be_kept(file: Path) -> None:
    write(file, "[log]\nlevel = 'debug'\n")

    loaded = await store(file, revisions=NowhereToKeep()).load(())

    assert loaded.settings.log.level == "debug"
    assert loaded.warnings == (
        "this version of the configuration was not kept: console.db: the disk is full; free some space",
    )


async def test_a_save_keeps_its_author_and_is_not_taken_for_an_edit_by_hand(file: Path) -> None:
    kept = Kept()
    settings = store(file, revisions=kept)
    before = await settings.load(())
    text = await settings.edited("log.level", "debug")

    saved = await settings.put(text, (), revision=before.settings.revision, author="alice", reason="look closer")
    after = await settings.load(())

    assert saved.settings == after.settings
    assert after.settings.log.level == "debug"
    assert [(row.author, row.reason, row.hash) for row in await settings.revisions()] == [
        ("alice", "look closer", after.settings.revision)
    ]


async def test_of_two_writers_the_second_is_told(file: Path) -> None:
    one, two = store(file), store(file)
    base = (await one.load(())).settings.revision

    ends = await asyncio.gather(
        one.put("[log]\nlevel = 'debug'\n", (), revision=base, author="a", reason=""),
        two.put("[log]\nlevel = 'warning'\n", (), revision=base, author="b", reason=""),
        return_exceptions=True,
    )

    assert sorted(type(end).__name__ for end in ends) == ["LoadedSettings", "SettingsConflict"]


async def test_a_conflict_leaves_the_others_change(file: Path) -> None:
    settings = store(file)
    base = (await settings.load(())).settings.revision
    write(file, "# theirs\n")

    with pytest.raises(SettingsConflict, match="read it again and repeat the change"):
        await settings.put("# mine\n", (), revision=base, author="a", reason="")

    assert read(file) == "# theirs\n"


async def test_nothing_invalid_is_saved(file: Path) -> None:
    settings = store(file)

    with pytest.raises(SettingsInvalid):
        await settings.put("[log]\nlevel = 1\n", (), revision="", author="a", reason="")

    assert not exists(file)


async def test_a_file_is_changed_when_its_content_is(file: Path) -> None:
    settings = store(file)
    write(file, "# one\n")
    fresh = await settings.changed()
    await settings.load(())
    same = await settings.changed()
    touch(file)
    touched = await settings.changed()
    write(file, "# two\n")
    rewritten = await settings.changed()
    await settings.load(())
    remove(file)
    removed = await settings.changed()

    assert (fresh, same, touched, rewritten, removed) == (True, False, False, True, True)


async def test_a_wrong_text_is_reported_once_until_it_changes(file: Path) -> None:
    settings = store(file)
    write(file, "[log]\nlevel = 1\n")
    with pytest.raises(SettingsInvalid):
        await settings.load(())

    assert not await settings.changed()
    write(file, "")
    assert await settings.changed()


async def test_a_file_that_was_in_force_and_is_gone_is_a_problem_and_no_empty_configuration(file: Path) -> None:
    settings = store(file)
    write(file, "[engine]\nmax_retries = 2\n")
    await settings.load(())
    remove(file)

    with pytest.raises(SettingsInvalid, match="is gone; put it back"):
        await settings.load(())

    assert not await settings.changed()
    write(file, "[engine]\nmax_retries = 3\n")
    assert await settings.changed()
    assert (await settings.load(())).settings.engine.max_retries == 3


async def test_an_edit_keeps_comments_and_order(file: Path) -> None:
    write(file, "# top\n[log]  # how much\nlevel = 'info' # for now\n\n# last\n[engine]\nmax_retries = 2\n")

    text = await store(file).edited("log.level", "debug")

    assert text == '# top\n[log]  # how much\nlevel = "debug" # for now\n\n# last\n[engine]\nmax_retries = 2\n'


async def test_an_edit_removes_a_key_and_its_line_only(file: Path) -> None:
    write(file, "# top\n[engine]\nmax_retries = 2\n# about delays\nbase_delay = 5\n")

    assert await store(file).edited("engine.max_retries", None) == "# top\n[engine]\n# about delays\nbase_delay = 5\n"
    assert await store(file).edited("engine.nothing", None) == read(file)
    assert await store(file).edited("nowhere.at.all", None) == read(file)


async def test_an_edit_makes_the_tables_it_needs(file: Path) -> None:
    text = await store(file).edited(
        "translation.providers.deepl", {"driver": "deepl", "name": {"en": "DeepL"}, "tier": None}
    )

    assert text == '[translation.providers.deepl]\ndriver = "deepl"\nname = {en = "DeepL"}\n'


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("log.level.x", 1, "log.level: is not a table, so log.level.x cannot be set"),
        ("log.", 1, '"log." is not a key; one looks like engine.max_retries'),
        ("", 1, '"" is not a key; one looks like engine.max_retries'),
        ("log.level", object(), "log.level: cannot be a object: the configuration has no form for it"),
    ],
)
async def test_an_edit_that_cannot_be_made_says_why(file: Path, key: str, value: object, expected: str) -> None:
    write(file, "[log]\nlevel = 'info'\n")

    with pytest.raises(SettingsInvalid) as caught:
        await store(file).edited(key, value)

    assert str(caught.value) == f"{file}: {expected}"
