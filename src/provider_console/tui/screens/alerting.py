"""What can be done about one alert: go where it is mended, look after it, keep it quiet."""

from __future__ import annotations

from typing import ClassVar, Final

from textual.binding import Binding, BindingType

from provider_console.console.views import AlertView, ProviderView
from provider_console.console.words import clean_text
from provider_console.tui.changes import AlertRead
from provider_console.tui.pages import alerts
from provider_console.tui.pages.words import duration
from provider_console.tui.screens.provider import ProviderScreen

_OPEN: Final = frozenset({"acknowledge", "snooze"})
"""Actions on an alert that is not over."""
_OF_PROVIDER: Final = frozenset({"check", "set_credential", "test_credential"})
_NOT_HERE: Final = frozenset({"switch", "adopt"})
"""What Health does with the keys that stand for something else here, or do not stand."""


class AlertScreen(ProviderScreen):
    """A screen on which one alert is `alert`; the provider that it is about is the selected one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "detail", "go there", key_display="enter", tooltip="what the alert is about"),
        Binding("c", "check", "check", tooltip="probe the provider that the alert is about"),
        Binding("a", "acknowledge", "acknowledge", tooltip="say that you look after it: it rings no more"),
        Binding("z", "snooze", "snooze", tooltip="keep it quiet for a while; if it is still open then, it rings again"),
    ]

    @property
    def alert(self) -> AlertView | None:
        """The alert that keys are about."""
        raise NotImplementedError

    @property
    def selected(self) -> ProviderView | None:
        """The provider that the alert is about."""
        alert = self.alert
        return None if alert is None else self.state.providers.get(alert.subject)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what fits the alert under the cursor is offered."""
        if action in _NOT_HERE:
            return False
        alert = self.alert if self.is_mounted else None
        if action in _OPEN and (alert is None or alert.state == "cleared"):
            return False
        if action == "acknowledge" and alert is not None and alert.state == "acknowledged":
            return False
        if action in _OF_PROVIDER and self.selected is None:
            return False
        if action == "detail" and alert is None:
            return False
        return super().check_action(action, parameters)

    def action_detail(self) -> None:
        """Go to the provider, or to what is served by whom."""
        if self.selected is not None:
            super().action_detail()
        elif self.alert is not None:
            self.action_coverage()

    def action_acknowledge(self) -> None:
        """Say that somebody looks after it."""
        alert, link = self.alert, self.link
        if alert is None:
            return

        async def acknowledged() -> None:
            link.change(AlertRead(await link.console.acknowledge_alert(alert.id)))
            self.tell(f"{alert.title}: acknowledged, it rings no more")

        self.ask(acknowledged())

    def action_snooze(self) -> None:
        """Keep it quiet for a while that is asked for."""
        from provider_console.tui.screens.dialogs import SnoozeScreen

        alert, link = self.alert, self.link
        if alert is None:
            return

        async def snoozed(for_s: float) -> None:
            changed = await link.console.snooze_alert(alert.id, for_s=for_s)
            link.change(AlertRead(changed))
            until = changed.snoozed_until
            said = (
                f"for {duration(for_s * 1000)}" if until is None else f"until {alerts.when(until, link.clock.wall())}"
            )
            self.tell(f"{alert.title}: quiet {said}")

        def answered(for_s: float | None) -> None:
            if for_s is not None:
                self.ask(snoozed(for_s))

        self.app.push_screen(SnoozeScreen(clean_text(alert.title), link.clock.wall()), answered)
