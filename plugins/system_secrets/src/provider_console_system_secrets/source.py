"""Providers found by the names of keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from provider_console.sdk import PluginContext, ProviderDescriptor, Source
from provider_console_system_secrets.vendors import VENDORS, Vendor


class UnlockedProviders(Source):
    """Yields a provider for each well-known key that is present; shown, and used once it is adopted.

    A key of the keyring whose name continues a well-known one, such as OPENAI_API_KEY_TEAM, is a second account:
    the provider `openai_team`.
    """

    name: Final = "system_secrets"
    local = True

    def __init__(self, context: PluginContext, *, vendors: Sequence[Vendor] = VENDORS) -> None:
        self._context = context
        self._vendors = vendors
        self.unlocks = {vendor.names[0]: vendor.title for vendor in vendors}

    async def discover(self) -> Sequence[ProviderDescriptor]:
        """Every vendor with a key on this machine, by id."""
        stored = await self._context.credentials.names()
        found: dict[str, ProviderDescriptor] = {}
        for vendor in self._vendors:
            present = [name for name in vendor.names if (await self._context.credentials.info(name)).present]
            if present:
                found[vendor.id] = _descriptor(vendor, vendor.id, present[0])
            for name in stored:
                account = _account(vendor, name)
                if account is not None and (await self._context.credentials.info(name)).present:
                    found.setdefault(account, _descriptor(vendor, account, name))
        return [found[key] for key in sorted(found)]


def _descriptor(vendor: Vendor, provider_id: str, credential: str) -> ProviderDescriptor:
    title = vendor.title if provider_id == vendor.id else f"{vendor.title} ({provider_id.removeprefix(vendor.id)[1:]})"
    return ProviderDescriptor(
        id=provider_id,
        driver=vendor.driver,
        names={"en": title},
        base_url=vendor.base_url,
        credential=credential,
        network="global",
    )


def _account(vendor: Vendor, name: str) -> str | None:
    """The id of a second account by the name of its key; None where the name is no such.

    >>> openai = VENDORS[0]
    >>> _account(openai, "OPENAI_API_KEY_TEAM"), _account(openai, "OPENAI_API_KEY"), _account(openai, "OTHER_KEY")
    ('openai_team', None, None)
    """
    for known in vendor.names:
        ending = name.removeprefix(known + "_").lower()
        if name.startswith(known + "_") and ending.replace("_", "").isalnum() and ending.isascii():
            return f"{vendor.id}_{ending}"[:64]
    return None
