"""A run without the real programs says so at its end, and on CI it fails."""

from __future__ import annotations

import pytest
from tests.counterparts.presence import COUNTERPARTS, required, why_not
from tests.nested import run_pytest

ONE = "tests/counterparts/test_secret_service.py::test_a_locked_keyring_is_said_to_be_locked_and_reads_as_absent"


@pytest.mark.parametrize("arguments", [(), ("-n", "1")], ids=["one process", "xdist"])
@pytest.mark.parametrize("ci", ["", "true"])
def test_a_missing_program_is_listed_and_fails_on_ci_only(arguments: tuple[str, ...], ci: str) -> None:
    code, told = run_pytest(ONE, *arguments, environ={"PATH": "/nowhere", "CI": ci})

    notice = told.partition("counterparts missing")[2]
    assert "secret-service, without dbus-run-session, gnome-keyring-daemon (apt-get install" in notice
    assert ONE in notice
    assert code == (1 if ci else 0), told


def test_an_unknown_counterpart_is_an_error_of_the_test() -> None:
    with pytest.raises(ValueError, match="unknown counterpart 'libretranslat'"):
        why_not(["libretranslat"])


def test_a_counterpart_that_is_not_here_names_its_package() -> None:
    assert all("apt-get install" in counterpart.install for counterpart in COUNTERPARTS.values())


@pytest.mark.parametrize(("value", "asked"), [("true", True), ("1", True), ("", False), ("false", False)])
def test_ci_is_what_the_environment_says(value: str, asked: bool) -> None:
    assert required({"CI": value}) is asked
