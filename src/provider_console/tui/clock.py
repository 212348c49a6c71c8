"""The terminal's clock. Tests hand in one of their own."""

from __future__ import annotations

import asyncio
import time


class WallClock:
    """Real time."""

    wall = staticmethod(time.time)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)
