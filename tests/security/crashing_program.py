"""The program as it is started, with a defect behind `D` whose words hold a credential. Run in a pseudo-terminal."""

from __future__ import annotations

import os

from provider_console.cli import main
from provider_console.tui.app import ConsoleApp


def defect(_app: ConsoleApp) -> None:
    """Fail with a credential in the words."""
    raise RuntimeError(f"a defect with the key {os.environ['A_KEY']}")


if __name__ == "__main__":
    ConsoleApp.action_doctor = defect  # type: ignore[method-assign]  # nothing of the program fails by itself
    raise SystemExit(main([]))
