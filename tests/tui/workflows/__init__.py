"""Every workflow, with the app that it is played on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from tests.tui.workflows import activity, analytics, config, execution, firstrun, health, plugins, states
from textual.app import App

from provider_console.testing.workflow import Workflow

WORKFLOWS: Final[Sequence[tuple[Workflow, Callable[[], App[Any]]]]] = (
    *health.ALL,
    *states.ALL,
    *firstrun.ALL,
    *execution.ALL,
    *analytics.ALL,
    *activity.ALL,
    *plugins.ALL,
    *config.ALL,
)
