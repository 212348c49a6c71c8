"""What tests of the terminal share."""

from __future__ import annotations

from collections.abc import Iterator
from time import tzset

import pytest
from tests.api.far import Engine, elsewhere, here


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


@pytest.fixture(params=[pytest.param(here, id="here"), pytest.param(elsewhere, id="elsewhere over TLS")])
def at(request: pytest.FixtureRequest) -> Engine:
    """Where the engine is: whoever sits at the terminal does not notice."""
    engine: Engine = request.param
    return engine
