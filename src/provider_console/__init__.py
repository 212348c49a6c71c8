"""Provider Console keeps AI and translation providers working.

async with open_console() as console:
    execution = await console.execute_with_fallback(my_operation, category="translation", max_providers=3)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from provider_console.bootstrap import Situation, open_console

__version__ = "0.1.0"
__all__ = ["Situation", "__version__", "open_console"]


def __getattr__(name: str) -> Any:
    # Lazy: a plugin that imports the sdk must not load the engine with it.
    if name in ("Situation", "open_console"):
        from provider_console import bootstrap

        return getattr(bootstrap, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
