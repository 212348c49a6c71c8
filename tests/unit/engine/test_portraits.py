"""What a front end sees of a provider."""

from __future__ import annotations

from tests.unit.engine.workbench import bench, chat, play, provider


def test_the_bounds_of_the_success_rate_come_closer_with_what_is_known() -> None:
    async def history() -> list[tuple[float | None, float | None]]:
        async with bench(provider("a")) as it:
            seen = []
            for calls in (0, 1, 99):
                for _ in range(calls):
                    await it.engine.executor.execute(chat())
                health = (await it.console.provider("a")).health
                seen.append((health.success_low, health.success_high))
            return seen

    assert play(history) == [(0.0, 100.0), (50.0, 100.0), (99.0, 100.0)]
