"""Everything a plugin author imports.

from provider_console.sdk import Driver, Source, hookimpl
"""

from provider_console.sdk.context import CredentialInfo, Credentials, PluginContext, SettingsSection
from provider_console.sdk.driver import Call, CredentialNeed, Description, Driver, ProbeResult, Rung
from provider_console.sdk.errors import (
    BadResult,
    ErrorClass,
    Incomplete,
    OperationInvalid,
    ProviderError,
    SdkError,
    TransportError,
)
from provider_console.sdk.hooks import Ranker, hookimpl
from provider_console.sdk.http import HttpClient, HttpResponse, HttpStream
from provider_console.sdk.operation import (
    Chunk,
    Field,
    Operation,
    OperationKind,
    Payload,
    Result,
    RetryPolicy,
)
from provider_console.sdk.provider import (
    Capability,
    Cost,
    Network,
    Provider,
    ProviderDescriptor,
    Tier,
    serves,
)
from provider_console.sdk.secret import Secret
from provider_console.sdk.source import Source
from provider_console.sdk.table import CredentialName, DisplayName, ProviderId, ProviderTable

__all__ = [
    "BadResult",
    "Call",
    "Capability",
    "Chunk",
    "Cost",
    "CredentialInfo",
    "CredentialName",
    "CredentialNeed",
    "Credentials",
    "Description",
    "DisplayName",
    "Driver",
    "ErrorClass",
    "Field",
    "HttpClient",
    "HttpResponse",
    "HttpStream",
    "Incomplete",
    "Network",
    "Operation",
    "OperationInvalid",
    "OperationKind",
    "Payload",
    "PluginContext",
    "ProbeResult",
    "Provider",
    "ProviderDescriptor",
    "ProviderError",
    "ProviderId",
    "ProviderTable",
    "Ranker",
    "Result",
    "RetryPolicy",
    "Rung",
    "SdkError",
    "Secret",
    "SettingsSection",
    "Source",
    "Tier",
    "TransportError",
    "hookimpl",
    "serves",
]
