"""The command line. `main` is the program's entry point; everything behind it is imported when it is needed."""

from __future__ import annotations

from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    from provider_console.cli.program import run

    return run(argv)
