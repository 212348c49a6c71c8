"""What can be done about a credential: store, try, delete. Its value passes through and is kept nowhere here."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from provider_console.console.views import SecretView
from provider_console.tui.pages import secrets
from provider_console.tui.screens import credential
from provider_console.tui.screens.base import ConsoleScreen

OF_SECRETS = frozenset({"set_credential", "test_credential", "delete_credential"})
"""Actions on a credential, where one is selected."""


class SecretsScreen(ConsoleScreen):
    """A screen on which a credential may be selected."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "set_credential", "set key", tooltip="store the selected credential; what you type is not shown"),
        Binding("t", "test_credential", "test key", tooltip="check every provider that uses the selected credential"),
        Binding("delete,backspace", "delete_credential", "delete", key_display="del", tooltip="delete the credential"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._stored: tuple[SecretView, ...] = ()

    @property
    def secret(self) -> SecretView | None:
        """The credential that keys are about."""
        raise NotImplementedError

    @property
    def secrets(self) -> list[SecretView]:
        """Every credential that is known by name."""
        return secrets.known(self._stored, self.state)

    def read_secrets(self) -> None:
        """Have the names read anew, where this role may see them."""
        if not self.state.open or self.state.may("secrets") is not None:
            return

        async def read() -> None:
            self._stored = tuple(await self.link.console.secrets())
            self.show()

        self.ask(read(), group="secrets", quietly=True)

    def action_set_credential(self) -> None:
        """Store the selected credential, and try it at once where somebody uses it."""
        chosen = self.secret
        if chosen is not None:
            self.ask(self._store(chosen))

    async def _store(self, chosen: SecretView) -> None:
        if await credential.store(self, chosen.name, present=chosen.present):
            self.read_secrets()
            if chosen.used_by:
                await self._test(chosen.name)

    def action_test_credential(self) -> None:
        """Check every provider that uses the selected credential."""
        chosen = self.secret
        if chosen is not None:
            self.ask(self._test(chosen.name))

    async def _test(self, name: str) -> None:
        await credential.test(self, name)
        self.read_secrets()

    def action_delete_credential(self) -> None:
        """Delete the selected credential, after a question that says who needs it."""
        from provider_console.tui.screens.dialogs import ConfirmScreen

        chosen = self.secret
        if chosen is None:
            return
        if not chosen.present:
            self.tell(f"{chosen.name} is not stored", well=False)
            return

        async def deleted() -> None:
            gone = await self.link.console.delete_secret(chosen.name)
            self.tell(f"{chosen.name} is deleted" if gone else f"{chosen.name} was not in the keyring", well=gone)
            self.read_secrets()

        def answered(agreed: bool | None) -> None:  # noqa: FBT001 - what Textual hands to a dialog's callback
            if agreed:
                self.ask(deleted())

        self.app.push_screen(
            ConfirmScreen(f"Delete {chosen.name}?", secrets.deletes(chosen, self.state), "delete"), answered
        )
