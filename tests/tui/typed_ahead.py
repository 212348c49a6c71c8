"""The terminal on made-up providers, for keys that come faster than a person types. Run in a pseudo-terminal."""

from __future__ import annotations

import sys

from tests.tui.scene import provider
from tests.tui.workflows import fleet

from provider_console.tui.clock import WallClock

if __name__ == "__main__":
    many = [provider(f"Provider {number:03}", score=99.0 - number / 100) for number in range(int(sys.argv[1]))]
    console = fleet.console(health=fleet.health(many), set_provider_enabled=lambda *_args, **_named: None)
    fleet.app(console, clock=WallClock()).run()
