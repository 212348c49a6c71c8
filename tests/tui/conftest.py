"""What tests of the terminal share."""

from __future__ import annotations

from collections.abc import Iterator
from time import tzset

import pytest


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Times of day are those of one place; colours and themes are not the developer's."""
    monkeypatch.setenv("TZ", "UTC")
    for name in ("NO_COLOR", "TEXTUAL_THEME"):
        monkeypatch.delenv(name, raising=False)
    tzset()
    yield
    monkeypatch.undo()
    tzset()
