"""Modules are read while the collector waits, and it works again whatever they did."""

from __future__ import annotations

import gc

import pytest

from provider_console.cli.loading import loading


def test_the_collector_waits_and_never_looks_at_what_was_loaded() -> None:
    before = gc.get_freeze_count()

    with loading():
        assert not gc.isenabled()
        loaded = [["what", "stays"]]

    assert gc.isenabled()
    assert gc.get_freeze_count() > before
    assert not any(known is loaded for known in gc.get_objects())


def test_the_collector_works_again_after_a_module_that_cannot_be_loaded() -> None:
    with pytest.raises(ImportError), loading():
        raise ImportError("broken")

    assert gc.isenabled()
