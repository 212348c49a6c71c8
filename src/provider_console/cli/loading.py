"""How a command reads its modules."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Modules are imported in this block without the collector, and it does not look through them afterwards.

    They stay to the end, so it would find nothing: not while they are read, and not when the program ends. That was a
    sixth of what a command costs.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
