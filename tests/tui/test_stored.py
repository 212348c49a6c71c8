"""How far a filter looks among the stored executions."""

from __future__ import annotations

import msgspec
import pytest
from tests.tui.execution_scene import others

from provider_console.console.views import ExecutionSummary
from provider_console.testing.frozen import FrozenConsole
from provider_console.tui.screens.stored import ENOUGH, LOOKED, PAGE, look

(SOME,) = others(1)


def stored(count: int) -> FrozenConsole:
    """A console with so many executions, paged as the real one pages them."""
    every = [msgspec.structs.replace(SOME, execution_id=f"E{number:05}") for number in range(count, 0, -1)]

    def page(*, limit: int, before: str | None) -> list[ExecutionSummary]:
        return [entry for entry in every if before is None or entry.execution_id < before][:limit]

    return FrozenConsole({"executions": page})


@pytest.mark.parametrize(
    ("count", "wanted", "found", "looked", "whole"),
    [
        (0, "", 0, 0, True),
        (PAGE, "E00001", 1, PAGE, True),
        (PAGE + 50, "E00001", 1, PAGE + 50, True),
        (LOOKED + 50, "E00001", 0, LOOKED, False),
        (LOOKED, "E", ENOUGH + 100, ENOUGH + 100, False),
    ],
)
async def test_a_filter_looks_until_the_end_or_its_bound(
    count: int, wanted: str, found: int, looked: int, whole: bool
) -> None:
    pages = [one async for one in look(stored(count), lambda entry: wanted in entry.execution_id, before=None)]  # type: ignore[arg-type]  # answers as one

    last = pages[-1]
    assert not any(page.done for page in pages[:-1])
    assert (len(last.executions), last.looked, last.done, last.whole) == (found, looked, True, whole)


async def test_a_filter_begins_where_the_list_ends() -> None:
    pages = [one async for one in look(stored(300), lambda _entry: True, before="E00151")]  # type: ignore[arg-type]  # answers as one

    assert [entry.execution_id for entry in pages[-1].executions] == [f"E{number:05}" for number in range(150, 0, -1)]
