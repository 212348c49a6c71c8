"""Plugins as a person meets them: one that breaks, and one that is named and not there."""

from __future__ import annotations

from pathlib import Path

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
