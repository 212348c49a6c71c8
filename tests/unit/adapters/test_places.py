"""Where files are kept."""

from __future__ import annotations

import stat
from pathlib import Path

import platformdirs
import pytest

from provider_console.adapters.places import Places
from provider_console.core.ports.store import StoreUnavailable


def test_one_home_holds_everything(tmp_path: Path) -> None:
    places = Places.of({"PROVIDER_CONSOLE_HOME": str(tmp_path)})

    assert places.config_file == tmp_path / "config.toml"
    assert places.themes == tmp_path / "themes"
    assert places.console_db == tmp_path / "console.db"
    assert places.audit_db == tmp_path / "audit.db"
    assert places.lock == tmp_path / "prober.lock"
    assert places.log == tmp_path / "log"


@pytest.mark.parametrize("environ", [{}, {"PROVIDER_CONSOLE_HOME": ""}])
def test_without_a_home_the_platform_says_where(environ: dict[str, str]) -> None:
    own = platformdirs.PlatformDirs("provider-console", appauthor=False)

    places = Places.of(environ)

    assert places.config_file == Path(own.user_config_dir) / "config.toml"
    assert places.console_db == Path(own.user_data_dir) / "console.db"
    assert places.log == Path(own.user_log_dir)


def test_a_relative_home_is_made_absolute() -> None:
    assert Places.of({"PROVIDER_CONSOLE_HOME": "here"}).data == Path.cwd() / "here"


def test_nothing_exists_before_it_is_needed(tmp_path: Path) -> None:
    places = Places.of({"PROVIDER_CONSOLE_HOME": str(tmp_path / "a" / "b")})
    before = list(tmp_path.iterdir())

    made = places.made(places.data)

    assert before == []
    assert made == tmp_path / "a" / "b"
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in (made, made.parent)] == [0o700, 0o700]


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)

    Places.of({"PROVIDER_CONSOLE_HOME": str(tmp_path)}).made(tmp_path)

    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o750


@pytest.mark.parametrize("below", ["", "deeper"])
def test_a_file_in_the_way_is_named(tmp_path: Path, below: str) -> None:
    taken = tmp_path / "taken"
    taken.write_text("")
    places = Places.of({"PROVIDER_CONSOLE_HOME": str(taken / below)})

    with pytest.raises(StoreUnavailable, match=r"taken.*PROVIDER_CONSOLE_HOME"):
        places.made(places.data)
