"""Every setting of the console itself: the one table that validation, forms and documentation are made from.

Durations in `config.toml` are milliseconds; the `_s` properties give seconds to the engine. A plugin's own
tables are typed by the plugin (`SettingsSection`) and travel in `Settings.sections`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

Order = str
"""How providers are ordered: `priority`, `score`, or a name that a plugin's ranker brings."""


MS: Final[dict[str, str]] = {"unit": "ms"}

_AGE: Final = r"^[1-9][0-9]{0,4}[hdwy]$"

Attempts = Annotated[int, Meta(ge=1, le=20, description="attempts a provider, the first one included")]
BaseDelay = Annotated[
    int, Meta(ge=0, le=600_000, description="the first retry's longest delay; it doubles with each attempt", extra=MS)
]
MaxDelay = Annotated[int, Meta(ge=0, le=3_600_000, description="the longest delay between two attempts", extra=MS)]
Retry = Annotated[
    Literal["thorough", "swift"],
    Meta(description="thorough: every attempt at one provider, then the next; swift: one attempt, then the next"),
]
Threshold = Annotated[
    int,
    Meta(
        ge=100, le=600_000, description="how long an attempt may take; the score's measure of a slow answer", extra=MS
    ),
]
Deadline = Annotated[
    int,
    Meta(
        ge=200,
        le=3_600_000,
        description="how long a whole operation may take; it wins over the number of attempts",
        extra=MS,
    ),
]
MaxProviders = Annotated[int, Meta(ge=1, le=100, description="providers tried for one operation")]
OnRefusal = Annotated[
    Literal["stop", "next"], Meta(description="whether a refusal by a safety filter is taken to the next provider")
]


class CategorySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[engine.categories.NAME]`: a retry setting for one category; what is unset follows `[engine]`."""

    max_retries: Attempts | None = None
    base_delay: BaseDelay | None = None
    max_delay: MaxDelay | None = None
    response_time_threshold: Threshold | None = None
    deadline: Deadline | None = None
    max_providers: MaxProviders | None = None
    retry: Retry | None = None
    on_refusal: OnRefusal | None = None


class EngineSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[engine]`: how an operation is tried."""

    max_retries: Attempts = 5
    base_delay: BaseDelay = 1_000
    max_delay: MaxDelay = 10_000
    response_time_threshold: Threshold = 15_000
    deadline: Deadline = 120_000
    max_providers: MaxProviders = 3
    order: Annotated[str, Meta(min_length=1, max_length=64, description="how providers are ordered")] = "priority"
    retry: Retry = "thorough"
    on_refusal: OnRefusal = "stop"
    categories: dict[str, CategorySettings] = {}


class HealthSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[health]`: how providers are watched."""

    health_check_interval: Annotated[
        int, Meta(ge=1_000, le=86_400_000, description="how often each provider is checked", extra=MS)
    ] = 30_000
    performance_window: Annotated[
        int, Meta(ge=10_000, le=3_600_000, description="how far back the live figures look", extra=MS)
    ] = 300_000
    failure_threshold: Annotated[
        float, Meta(gt=0, le=1, description="share of failures at which a provider is no longer called")
    ] = 0.7
    cache_expiry: Annotated[
        int, Meta(ge=1_000, le=86_400_000, description="how long discovered providers are believed", extra=MS)
    ] = 300_000


class AccessSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[access]`: who may do what. Without this table the OS user is super admin."""

    super_admins: Annotated[tuple[str, ...], Meta(description="OS users who may change settings and secrets")] = ()
    admins: Annotated[tuple[str, ...], Meta(description="OS users who may read and execute")] = ()


class HistorySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[history]`: how long records are kept."""

    keep_attempts: Annotated[
        str,
        Meta(pattern=_AGE, description="how long attempts, checks and figures by the minute are kept, like 30d"),
    ] = "30d"
    keep_rollups: Annotated[
        str, Meta(pattern=_AGE, description="how long figures by the hour and the day are kept, like 2y")
    ] = "2y"
    max_size_mb: Annotated[
        int,
        Meta(
            ge=64,
            le=1_048_576,
            description="how large the database may become; beyond it the oldest records go first",
            extra={"unit": "MiB"},
        ),
    ] = 2_048


class PluginsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[plugins]`: which installed plugins stay out."""

    disabled: Annotated[tuple[str, ...], Meta(description="names of plugins that are not loaded")] = ()


class ApiSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[api]`: who may come in over HTTP, and how much of it."""

    allowed_hosts: Annotated[
        tuple[str, ...], Meta(description="names that a request may call this console by (its Host header)")
    ] = ("localhost", "127.0.0.1")
    requests_per_minute: Annotated[int, Meta(ge=1, le=1_000_000, description="requests a minute for each token")] = 600
    max_executions: Annotated[
        int, Meta(ge=1, le=10_000, description="executions under way at once; one more is told to come back")
    ] = 256
    key_file: Annotated[
        str,
        Meta(max_length=4096, description="a file of mode 0600 with the keys that sign tokens; empty: the keyring"),
    ] = ""
    trusted_issuer: Annotated[
        str, Meta(max_length=2048, description="whose tokens are taken beside the console's own, or empty")
    ] = ""
    audience: Annotated[str, Meta(max_length=2048, description="the audience that those tokens must name")] = ""
    jwks_url: Annotated[str, Meta(max_length=2048, description="where that issuer publishes its keys")] = ""
    jwks_network: Annotated[Literal["global", "private", "loopback"], Meta(description="where that address may be")] = (
        "global"
    )
    trusted_admins: Annotated[tuple[str, ...], Meta(description="subjects of that issuer who are admins")] = ()
    trusted_super_admins: Annotated[
        tuple[str, ...], Meta(description="subjects of that issuer who are super admins")
    ] = ()


class NetworkSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[network]`: how the console reaches providers. Proxies of the environment are ignored."""

    proxy: Annotated[str, Meta(max_length=2048, description="an HTTP proxy for every provider, or empty")] = ""
    ca_file: Annotated[str, Meta(max_length=4096, description="a PEM file of additional authorities, or empty")] = ""


class AppearanceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[appearance]`: how things are shown."""

    language: Annotated[str, Meta(min_length=2, max_length=35, description="which of a provider's names is shown")] = (
        "en"
    )
    environment: Annotated[str, Meta(max_length=40, description="what this console is for, shown beside the user")] = (
        "local"
    )
    theme: Annotated[
        str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$", description="the terminal's colours, by a theme's name")
    ] = "console-dark"
    charts: Annotated[Literal["braille", "block"], Meta(description="what the terminal draws charts with")] = "braille"
    glyphs: Annotated[Literal["unicode", "ascii"], Meta(description="what the terminal's marks are made of")] = (
        "unicode"
    )


class AlertRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[alerts.rules]]`: one thing to watch. With the name of a shipped rule it takes that one's place."""

    name: Annotated[str, Meta(min_length=1, max_length=64, description="how the alert is called")]
    when: Annotated[str, Meta(max_length=300, description="the condition; empty: that of the shipped rule")] = ""
    enabled: Annotated[bool, Meta(description="whether it is watched")] = True


Arguments = tuple[Annotated[str, Meta(max_length=1024)], ...]


class AlertsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[alerts]`: what rings, and how somebody hears of it."""

    on_alert: Annotated[
        Arguments, Meta(max_length=32, description="a command to run when an alert fires, as a list of its arguments")
    ] = ()
    on_clear: Annotated[
        Arguments, Meta(max_length=32, description="a command to run when an alert clears, as a list of its arguments")
    ] = ()
    window: Annotated[
        int,
        Meta(
            ge=1_000,
            le=3_600_000,
            description="an alert clears once its condition was false for twice this, or twice its own `for`",
            extra=MS,
        ),
    ] = 60_000
    rules: Annotated[tuple[AlertRule, ...], Meta(max_length=100, description="what is watched")] = ()


class LogSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[log]`: what is written to the log file."""

    level: Annotated[Literal["debug", "info", "warning"], Meta(description="the least that is logged")] = "info"


class TelemetrySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[telemetry]`: where executions are sent as OpenTelemetry traces."""

    endpoint: Annotated[
        str,
        Meta(
            max_length=2048,
            description="where traces are sent (OTLP over HTTP), like http://127.0.0.1:4318/v1/traces; empty: nowhere",
        ),
    ] = ""
    network: Annotated[Literal["global", "private", "loopback"], Meta(description="where that address may be")] = (
        "global"
    )
    credential: Annotated[
        str, Meta(max_length=128, description="the name of a credential with the whole value of the header, or empty")
    ] = ""
    header: Annotated[
        str, Meta(pattern=r"^[A-Za-z0-9-]{1,64}$", description="the header that shows that credential")
    ] = "authorization"
    service_name: Annotated[
        str, Meta(min_length=1, max_length=128, description="what this console is called in traces")
    ] = "provider-console"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings of one moment. `access` None: no table, the OS user is super admin.

    `sections` holds the plugins' tables by name, each an instance of its plugin's type; `revision` names this
    very configuration (a hash of the file's bytes) for compare-and-swap.
    """

    engine: EngineSettings = EngineSettings()
    health: HealthSettings = HealthSettings()
    access: AccessSettings | None = None
    history: HistorySettings = HistorySettings()
    plugins: PluginsSettings = PluginsSettings()
    api: ApiSettings = ApiSettings()
    network: NetworkSettings = NetworkSettings()
    appearance: AppearanceSettings = AppearanceSettings()
    alerts: AlertsSettings = AlertsSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    log: LogSettings = LogSettings()
    sections: Mapping[str, Any] = {}
    revision: str = ""


TABLES: Final[Mapping[str, type[msgspec.Struct]]] = {
    "engine": EngineSettings,
    "health": HealthSettings,
    "access": AccessSettings,
    "history": HistorySettings,
    "plugins": PluginsSettings,
    "api": ApiSettings,
    "network": NetworkSettings,
    "appearance": AppearanceSettings,
    "alerts": AlertsSettings,
    "telemetry": TelemetrySettings,
    "log": LogSettings,
}

MISSION_ENVIRONMENT: Final[Mapping[str, str]] = {
    "PROVIDER_INTEGRATION_HEALTH_CHECK_INTERVAL": "health.health_check_interval",
    "PROVIDER_INTEGRATION_MAX_RETRIES": "engine.max_retries",
    "PROVIDER_INTEGRATION_BASE_DELAY": "engine.base_delay",
    "PROVIDER_INTEGRATION_MAX_DELAY": "engine.max_delay",
    "PROVIDER_INTEGRATION_RESPONSE_TIMEOUT": "engine.response_time_threshold",
}
"""Environment names with a history of their own; every other setting is `PROVIDER_CONSOLE__SECTION__KEY`."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The retry settings in force for one category, in seconds."""

    attempts: int
    base_delay_s: float
    max_delay_s: float
    timeout_s: float
    deadline_s: float
    max_providers: int
    swift: bool
    on_refusal_next: bool


def limits(settings: Settings, category: str) -> Limits:
    """The limits for a category: its own table where it says something, else `[engine]`.

    >>> limits(Settings(), "translation")
    Limits(attempts=5, base_delay_s=1.0, max_delay_s=10.0, timeout_s=15.0, deadline_s=120.0, max_providers=3, \
swift=False, on_refusal_next=False)
    """
    general = settings.engine
    own = general.categories.get(category, CategorySettings())

    def value(name: str) -> Any:
        chosen = getattr(own, name)
        return getattr(general, name) if chosen is None else chosen

    return Limits(
        attempts=value("max_retries"),
        base_delay_s=value("base_delay") / 1000,
        max_delay_s=value("max_delay") / 1000,
        timeout_s=value("response_time_threshold") / 1000,
        deadline_s=value("deadline") / 1000,
        max_providers=value("max_providers"),
        swift=value("retry") == "swift",
        on_refusal_next=value("on_refusal") == "next",
    )


def preference(settings: Settings, pair: str | None) -> tuple[str, ...]:
    """The provider ids preferred for a language pair, first first: the `prefer` of any plugin's section."""
    if pair is None:
        return ()
    for section in settings.sections.values():
        prefer = getattr(section, "prefer", None)
        if prefer and pair in prefer:
            return tuple(prefer[pair])
    return ()
