"""A console of its own for each test, and a DeepL that fails as it is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.home import KEY, Home

from provider_console.sandbox import DeepLSandbox, Server, serve_in_thread


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def deepl_server() -> Iterator[Server]:
    with serve_in_thread(DeepLSandbox(key=KEY)) as server:
        yield server
