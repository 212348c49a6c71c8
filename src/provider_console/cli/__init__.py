"""The command line. `main` is the program's entry point; everything behind it is imported when it is needed."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        from provider_console.cli.loading import loading

        with loading():
            from provider_console.cli.program import run
        return run(argv)
    except KeyboardInterrupt:
        # While modules are still being read nothing has happened that would have to be recorded.
        sys.stderr.write("provider-console: interrupted\n")
        return 130
