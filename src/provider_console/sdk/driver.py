"""How to talk to one protocol: a driver calls and probes, and never discovers or retries."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal, Protocol

import msgspec

from provider_console.sdk.http import HttpClient
from provider_console.sdk.operation import Chunk, Operation, Result
from provider_console.sdk.provider import Capability, Network, Provider
from provider_console.sdk.secret import Secret

CredentialNeed = Literal["none", "optional", "required"]

RungName = Literal["configuration", "reach", "authentication", "quota", "paid"]


class Rung(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the probe ladder: what it proves, and whether asking is free."""

    name: RungName
    proves: str
    free: bool = True


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a driver needs for one request. `timeout_s` is enforced by the engine; it is told, not asked.

    `model` is the one the operation names, else the provider's first, else None. `idempotency_key` is the
    same on every retry of one execution at one provider.
    """

    provider: Provider
    http: HttpClient
    credential: Secret | None = None
    operation: Operation | None = None
    model: str | None = None
    timeout_s: float = 15.0
    idempotency_key: str = ""


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider says of itself; None where it was not asked."""

    capabilities: tuple[Capability, ...] | None = None
    models: tuple[str, ...] | None = None
    max_characters: int | None = None


class ProbeResult(msgspec.Struct, frozen=True, kw_only=True):
    """A passed probe. `rung` is what answered; `description` what it happened to learn on the way."""

    rung: RungName
    detail: str = ""
    description: Description | None = None


class Driver(Protocol):
    """Speaks one protocol. Subclass it to inherit an empty `describe`.

    `capabilities` are what every provider with this driver can do; `describe` may add what only the provider
    knows. `describes` says whether it has anything to tell: without it no request is spent on asking.
    """

    name: str
    title: str
    categories: tuple[str, ...]
    credential: CredentialNeed
    capabilities: tuple[Capability, ...]
    rungs: tuple[Rung, ...]
    default_base_url: str | None = None
    default_network: Network = "global"
    describes: bool = False
    max_characters: int | None = None

    async def call(self, call: Call) -> Result | AsyncIterator[Chunk]:
        """Send one request and read its answer; an iterator of chunks where `call.operation.stream`.

        Raises:
            ProviderError: the provider said no. TransportError comes from `call.http` by itself.
            BadResult: the answer is unreadable.
        """
        ...

    async def probe(self, call: Call) -> ProbeResult:
        """Ask the cheapest thing that proves something, with one request.

        Raises:
            ProviderError, TransportError, BadResult: as `call`.
        """
        ...

    async def describe(self, call: Call) -> Description:
        """Ask the provider for its models, pairs and limits.

        Raises:
            ProviderError, TransportError, BadResult: as `call`.
        """
        return Description()
