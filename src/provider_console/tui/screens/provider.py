"""What can be done about one provider, wherever one is selected."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar, Final

from textual.binding import Binding, BindingType

from provider_console.console.views import HealthState, ProviderView
from provider_console.tui.changes import AnalyticsRead
from provider_console.tui.messages import FormRequested
from provider_console.tui.pages import questions
from provider_console.tui.pages.words import plural
from provider_console.tui.screens import credential
from provider_console.tui.screens.base import ConsoleScreen
from provider_console.tui.screens.checking import checked

FIGURES_S: Final = 5.0
"""How often the figures of the provider that is looked at are read."""

_CONFIGURED: Final = frozenset({"switch"})
_FOUND: Final = frozenset({"adopt"})
_CREDENTIAL: Final = frozenset({"set_credential", "test_credential"})


class ProviderScreen(ConsoleScreen):
    """A screen on which one provider is `selected`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter", "detail", "detail", key_display="enter", tooltip="everything that is known of the selected one"
        ),
        Binding("c", "check", "check now", tooltip="probe the selected provider"),
        Binding("x", "execute", "execute", tooltip="execute what the selected provider does"),
        Binding("s", "set_credential", "set key", tooltip="store the credential of the selected provider"),
        Binding("d", "switch", "disable", tooltip="switch the selected provider off or on; kept over restarts"),
        Binding("a", "adopt", "adopt", tooltip="use the provider that was found: writes it into the configuration"),
        Binding("v", "coverage", "coverage", tooltip="who could serve what, and what breaks if the selected one dies"),
        Binding(
            "t", "test_credential", "test key", show=False, tooltip="check every provider that uses its credential"
        ),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._asked: tuple[str, float] = ("", 0.0)

    @property
    def selected(self) -> ProviderView | None:
        """The provider that keys are about."""
        raise NotImplementedError

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """False, not shown at all, where the selected provider has nothing of the kind."""
        view = self.selected if self.is_mounted else None
        if view is not None and (
            (action in _CONFIGURED and not view.configured)
            or (action in _FOUND and view.configured)
            or (action in _CREDENTIAL and view.credential is None)
        ):
            return False
        if view is None and action in _FOUND:
            return False
        return super().check_action(action, parameters)

    def shows(self, binding: Binding) -> bool:
        """Executing is Health's, a credential is set where one is missing; elsewhere the help names the key."""
        view = self.selected
        if binding.action == "execute":
            return self.MODE == "health"
        if binding.action == "set_credential":
            return view is not None and view.credential is not None and not view.credential.present
        return super().shows(binding)

    def label(self, binding: Binding) -> str:
        """`enable` where the provider is off."""
        view = self.selected
        if binding.action == "switch" and view is not None and view.health.state is HealthState.OFF:
            return "enable"
        return super().label(binding)

    def _about(self, done: Callable[[ProviderView], None]) -> None:
        """Do something about the selected provider; where there is none yet, say what is waited for."""
        view = self.selected
        if view is None:
            self.notify("no provider is known yet: the engine is still starting", severity="warning", markup=False)
        else:
            done(view)

    async def action_execute(self) -> None:
        """Fill in the form of what the selected provider does."""
        view = self.selected
        await self.app.switch_mode("execution")
        self.app.screen.post_message(FormRequested(() if view is None else view.categories))

    # --- figures ------------------------------------------------------------------------------------------------

    def want_figures(self, provider: str) -> None:
        """Have the figures of a provider read, if those that are known are old."""
        before, at = self._asked
        now = self.state.now
        if not self.state.open or (before == provider and now - at < FIGURES_S):
            return
        self._asked = (provider, now)
        link = self.link

        async def read() -> None:
            figures = await link.console.analytics(provider)
            link.change(AnalyticsRead(link.clock.wall(), provider, figures))

        # An answer that does not come is said by the pump.
        self.ask(read(), group="figures", quietly=True)

    # --- checks -------------------------------------------------------------------------------------------------

    def action_check(self) -> None:
        """Probe the selected provider."""

        async def probed(view: ProviderView) -> None:
            for check in await checked(self, view.id, frozenset({view.id})):
                self.tell(questions.checked(check, self.state), well=check.passed is not False)

        self._about(lambda view: self.ask(probed(view), group="check"))

    def action_check_all(self) -> None:
        """Probe every provider that is on."""
        asked = frozenset(view.id for view in self.state.providers.values() if view.enabled)

        async def probed() -> None:
            checks = await checked(self, None, asked)
            failed = sum(check.passed is False for check in checks)
            said = "all of them passed" if not failed else f"{failed:,} failed"
            self.tell(f"{plural(len(checks), 'check')}: {said}", well=not failed)

        self.ask(probed(), group="check")

    # --- on and off ---------------------------------------------------------------------------------------------

    def action_switch(self) -> None:
        """Switch the selected provider off or on; asks first where something would be served by nobody."""
        self._about(self._switch)

    def _switch(self, view: ProviderView) -> None:
        on = view.health.state is HealthState.OFF

        async def switched() -> None:
            await self.link.console.set_provider_enabled(view.id, enabled=on)
            self.tell(f"{view.name} is {'on' if on else 'off; press d to switch it on again'}")

        if on or not questions.hurts(view, self.state):
            self.ask(switched())
        else:
            self._confirm(f"Disable {view.name}?", questions.dies(view, self.state), "disable", switched)

    def action_adopt(self) -> None:
        """Use a provider that was found, after its address and credential have been seen."""

        from provider_console.tui.screens.adoption import adopt

        self._about(lambda view: self.ask(adopt(self, view), group="adopt"))

    def _confirm(self, title: str, lines: questions.Lines, yes: str, done: Callable[[], Awaitable[None]]) -> None:
        from provider_console.tui.screens.dialogs import ConfirmScreen

        def answered(agreed: bool | None) -> None:  # noqa: FBT001 - what Textual hands to a dialog's callback
            if agreed:
                self.ask(done())

        self.app.push_screen(ConfirmScreen(title, lines, yes), answered)

    # --- credential ---------------------------------------------------------------------------------------------

    def action_set_credential(self) -> None:
        """Store the credential of the selected provider, and try it at once."""
        self._about(lambda view: self.ask(self._store(view)))

    async def _store(self, view: ProviderView) -> None:
        if view.credential is not None and await credential.store(self, view.credential.name):
            await credential.test(self, view.credential.name)

    def action_test_credential(self) -> None:
        """Check every provider that uses the credential of the selected one."""
        self._about(
            lambda view: None if view.credential is None else self.ask(credential.test(self, view.credential.name))
        )

    # --- pages --------------------------------------------------------------------------------------------------

    def action_detail(self) -> None:
        """Everything that is known of the selected provider."""
        from provider_console.tui.screens.detail import DetailScreen

        view = self.selected
        if view is not None:
            self.app.push_screen(DetailScreen(view.id))

    def action_coverage(self) -> None:
        """Who could serve what."""
        from provider_console.tui.screens.coverage import CoverageScreen

        view = self.selected
        self.app.push_screen(CoverageScreen(None if view is None else view.id))
