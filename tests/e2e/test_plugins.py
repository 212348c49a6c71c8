"""Plugins as a person meets them: one that breaks, and one that is named and not there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.e2e.home import GUARD, Home, clean_stderr


def installed(folder: Path, source: str) -> dict[str, str]:
    """An environment in which a package `broken` brings a plugin with this source."""
    (folder / "broken-1.0.dist-info").mkdir(parents=True)
    (folder / "broken-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (folder / "broken-1.0.dist-info" / "entry_points.txt").write_text(
        "[provider_console.plugins]\nbroken = broken_plugin\n"
    )
    (folder / "broken_plugin.py").write_text(source)
    return {"PYTHONPATH": f"{GUARD}:{folder}"}


def test_a_plugin_put_aside_at_the_start_is_in_the_log_file_and_a_notice(home: Home, tmp_path: Path) -> None:
    home.configure({"dynamic_ai": {"discover_local": False}})
    environ = installed(tmp_path / "site", "raise RuntimeError('not today')\n")

    finished = home.run("plugins", environ=environ)

    said = [line for line in clean_stderr(finished) if "quarantined" in line]
    assert len(said) == 1, finished
    assert said[0].startswith("provider-console: the plugin broken (broken 1.0) is quarantined: ")
    (log,) = home.path.rglob("console.log")
    assert "plugin broken is quarantined: " in log.read_text("utf-8")


def test_a_disabled_plugin_that_is_not_there_is_a_notice(home: Home) -> None:
    home.configure({"plugins": {"disabled": ["nope"]}, "dynamic_ai": {"discover_local": False}})

    finished = home.run("health", "--json")

    said = "[plugins] disabled names 'nope', which is not installed"
    assert f"provider-console: {said}" in clean_stderr(finished)
    assert said in finished.json()["notices"]


def package(folder: Path, source: str, *, version: str = "1.0") -> dict[str, str]:
    """An environment in which a package `acme` of a version brings a plugin with this source."""
    about = folder / "acme-1.0.dist-info"
    about.mkdir(parents=True, exist_ok=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: acme\nVersion: {version}\n")
    (about / "entry_points.txt").write_text("[provider_console.plugins]\nacme = acme_plugin\n")
    (folder / "acme_plugin.py").write_text(source)
    return {"PYTHONPATH": f"{GUARD}:{folder}"}


GOOD = """
from provider_console.sdk import hookimpl


@hookimpl
def provider_console_rankers():
    return {}
"""


@pytest.mark.limit(60)
def test_a_plugin_that_is_new_or_has_another_version_is_announced_once(home: Home, tmp_path: Path) -> None:
    home.configure({"dynamic_ai": {"discover_local": False}})
    first = home.run("plugins", environ=package(tmp_path / "none", GOOD))
    home.run("plugins")
    environ = package(tmp_path / "site", GOOD)
    new, again = home.run("plugins", environ=environ), home.run("plugins", "--json", environ=environ)
    package(tmp_path / "site", GOOD, version="1.1")
    changed = home.run("plugins", "--json", environ=environ)

    assert "since the last start" not in first.err, "there is nothing to compare the first start with"
    assert "the plugin acme (acme 1.0) is new since the last start" in new.err
    assert "last start" not in again.err
    assert "the plugin acme (acme 1.1) was 1.0 at the last start" in changed.err
    assert {p["name"]: p["news"] for p in changed.json()}["acme"] == "was 1.0 at the last start"


@pytest.mark.limit(60)
def test_a_plugin_is_switched_off_and_on_from_the_next_start(home: Home) -> None:
    home.configure({"dynamic_ai": {"discover_local": False}})

    off = home.run("plugins", "disable", "system_secrets")
    between = {plugin["name"]: plugin["state"] for plugin in home.run("plugins", "--json").json()}
    on = home.run("plugins", "enable", "system_secrets")
    after = {plugin["name"]: plugin["state"] for plugin in home.run("plugins", "--json").json()}
    unknown = home.run("plugins", "disable", "sytem_secrets")

    assert (off.code, off.out.strip()) == (0, "system_secrets is off from the next start on")
    assert (between["system_secrets"], on.code, after["system_secrets"]) == ("disabled", 0, "loaded")
    assert unknown.code == 2
    assert "did you mean 'system_secrets'" in unknown.err
    assert ("set_plugin_enabled", "outcome", "done") in home.audited()


@pytest.mark.limit(60)
def test_one_plugin_is_checked_by_name_or_by_folder_and_says_where_it_breaks(home: Home, tmp_path: Path) -> None:
    home.configure({"dynamic_ai": {"discover_local": False}})
    environ = package(tmp_path / "site", "def later():\n    raise RuntimeError('not today')\n\nlater()\n")
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "x"\n[project.entry-points."provider_console.plugins"]\nx = "x_plugin"\n'
    )
    (folder / "x_plugin.py").write_text("import nothing_of_this_name\n")

    named, path = home.run("plugins", "check", "acme", environ=environ), home.run("plugins", "check", str(folder))
    good, nobody = home.run("plugins", "check", "translation"), home.run("plugins", "check", "translaton")
    empty = home.run("plugins", "check", str(tmp_path / "site"))

    assert (named.code, "not today" in named.out, "acme_plugin.py" in named.out) == (1, True, True)
    assert (path.code, "nothing_of_this_name" in path.out) == (1, True), path
    assert (good.code, "drivers: deepl, libretranslate, apertium" in good.out) == (0, True), good
    assert (nobody.code, "did you mean 'translation'" in nobody.err) == (2, True)
    assert (empty.code, "pyproject.toml cannot be read" in empty.err) == (2, True)


@pytest.mark.limit(90)
def test_a_new_plugin_from_the_template_loads_and_passes_its_own_tests(home: Home, tmp_path: Path) -> None:
    home.configure({"dynamic_ai": {"discover_local": False}})
    folder = tmp_path / "made"

    made = home.run("plugins", "new", "acme_text", "--into", str(folder))
    checked = home.run("plugins", "check", str(folder))
    again = home.run("plugins", "new", "acme_text", "--into", str(folder))
    wrong = home.run("plugins", "new", "Acme-Text", "--into", str(tmp_path / "other"))

    assert (made.code, checked.code) == (0, 0), (made, checked)
    assert "drivers: acme_text" in checked.out
    assert (again.code, wrong.code) == (2, 2)
    assert not [path for path in folder.rglob("*") if "template" in path.name]
    texts = [path for path in folder.rglob("*") if path.suffix in (".py", ".toml", ".md")]
    assert texts
    assert not [path for path in texts if "template" in path.read_text("utf-8")]

    about = folder / "src" / "acme_text-0.1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: provider-console-acme-text\nVersion: 0.1.0\n")
    (about / "entry_points.txt").write_text("[provider_console.plugins]\nacme_text = provider_console_acme_text\n")
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=folder,
        env={**home.environ, "PYTHONPATH": f"{GUARD}:{folder / 'src'}", "PYTHONWARNINGS": ""},
        capture_output=True,
        text=True,
        timeout=80,
        check=False,
    )
    assert tested.returncode == 0, tested.stdout[-3000:] + tested.stderr[-2000:]
    assert "passed" in tested.stdout
