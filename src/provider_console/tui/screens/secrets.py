"""What can be done about a credential: store, try, delete. Its value passes through and is kept nowhere here."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from provider_console.console.views import CheckView, SecretView
from provider_console.sdk.secret import Secret
from provider_console.tui.pages import questions, secrets
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
            self.ask(self._ask_for(chosen))

    async def _ask_for(self, chosen: SecretView) -> None:
        from provider_console.tui.screens.dialogs import CredentialScreen

        backend = await self.link.console.secret_backend()
        if not backend.usable:
            self.tell(f"{chosen.name} cannot be stored: {backend.reason}", well=False)
            return

        def given(value: Secret | None) -> None:
            if value is not None:
                self.ask(self._store(chosen, value))

        self.app.push_screen(CredentialScreen(chosen.name, secrets.stores(chosen, self.state, backend)), given)

    async def _store(self, chosen: SecretView, value: Secret) -> None:
        stored = await self.link.console.set_secret(chosen.name, value)
        self.tell(f"{chosen.name} is stored in {stored.backend or 'the keyring'}")
        self.read_secrets()
        if chosen.used_by:
            await self._try(chosen.name)

    def action_test_credential(self) -> None:
        """Check every provider that uses the selected credential."""
        chosen = self.secret
        if chosen is not None:
            self.ask(self._try(chosen.name))

    async def _try(self, name: str) -> None:
        checks: list[CheckView] = list(await self.link.console.test_secret(name))
        if not checks:
            self.tell(f"no provider uses {name}", well=False)
        for check in checks:
            self.tell(f"{name} · {questions.checked(check, self.state)}", well=check.passed is not False)
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
