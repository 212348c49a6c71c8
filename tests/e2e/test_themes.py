"""Themes as a person meets them: listed, checked, changed while the console is open, brought by a plugin."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.e2e.home import GUARD, PROGRAM, Home
from tests.tui.pseudo_terminal import PseudoTerminal

from provider_console.tui.themes import shipped

DARK = (shipped() / "console-dark.toml").read_text("utf-8")
PLUGIN = """
from pathlib import Path

from provider_console.sdk import hookimpl


@hookimpl
def provider_console_themes():
    return [Path(__file__).with_name("acme.toml")]
"""


def theme(name: str, *, page: str = "#0f1216") -> str:
    """The dark theme under another name, on another page."""
    return DARK.replace("console-dark", name).replace("#0f1216", page)


def own_theme(home: Home, text: str) -> Path:
    """A theme file in the user's folder, named in the configuration."""
    home.configure({"appearance": {"theme": "mine"}, "dynamic_ai": {"discover_local": False}})
    file = home.path / "themes" / "mine.toml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, "utf-8")
    return file


def with_plugin(folder: Path, text: str) -> dict[str, str]:
    """An environment in which a package `acme` is installed that brings a theme."""
    about = folder / "acme-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[provider_console.plugins]\nacme = acme_plugin\n")
    (folder / "acme_plugin.py").write_text(PLUGIN)
    (folder / "acme.toml").write_text(text, "utf-8")
    return {"PYTHONPATH": f"{GUARD}:{folder}"}


def paper(page: str) -> bytes:
    """How a terminal is told to paint on a page of this colour."""
    return b"48;2;" + ";".join(str(int(page[at : at + 2], 16)) for at in (1, 3, 5)).encode()


@contextmanager
def console(home: Home, environ: dict[str, str] | None = None) -> Iterator[PseudoTerminal]:
    """The console of a home in a terminal, its engine open; left in the end."""
    with PseudoTerminal([str(PROGRAM)], {**home.environ, **(environ or {})}) as terminal:
        terminal.until("Looked so far")
        yield terminal
        terminal.type("q")
        assert terminal.end() == 0, terminal.text()


def painted(terminal: PseudoTerminal, page: str, *, since: int) -> None:
    """Wait until something is painted on that page."""
    for _ in range(150):
        if paper(page) in terminal.written[since:]:
            return
        terminal.read(0.1)
    raise AssertionError(f"nothing is painted on {page}: {terminal.text(since)[-1500:]}")


def test_the_list_says_which_themes_there_are_where_they_are_from_and_why_one_is_left_out(home: Home) -> None:
    file = own_theme(home, theme("mine"))
    (file.parent / "bad.toml").write_text(theme("bad").replace("#ff7f84", "red"), "utf-8")

    shown, data = home.run("themes", "list"), home.run("themes", "list", "--json")

    lines = shown.out.splitlines()
    assert shown.code == 0
    assert lines[0].split() == ["THEME", "TITLE", "FOR", "GATE", "FROM"]
    assert [line.split()[0] for line in lines[1:]] == [
        "console-contrast",
        "console-dark",
        "console-light",
        "console-mono",
        "mine",
    ]
    assert str(file) in lines[-1]
    assert f"{file.with_name('bad.toml')}: [colours] bad = 'red': expected a colour such as #8fb0ff" in shown.err
    rows = {row["name"]: row for row in data.json()["themes"]}
    assert rows["console-light"] == {
        "name": "console-light",
        "title": rows["console-light"]["title"],
        "appearance": "light",
        "gate": "usual",
        "from": "the console",
    }
    assert rows["mine"]["from"] == str(file)
    assert len(data.json()["problems"]) == 1


def test_the_check_of_a_file_says_that_it_can_be_used_or_what_is_wrong(home: Home, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text(theme("good"), "utf-8")
    bad.write_text(theme("bad").replace('text = "#d8dde4"', 'text = "#333333"'), "utf-8")

    well, ill, none = (home.run("themes", "check", str(each)) for each in (good, bad, tmp_path / "none.toml"))

    assert (well.code, well.out) == (
        0,
        "good can be used: every colour is there, every contrast meets the gate (usual)\n",
    )
    assert (ill.code, ill.out) == (5, "")
    assert f"{bad}: text #333333 on bg #0f1216 has a contrast of 1.5; at least 4.5 is needed" in ill.err
    assert (none.code, none.out) == (5, "")
    assert "none.toml: cannot be read (No such file or directory)" in none.err
    assert home.run("themes", "check", str(good), "--json").json()["name"] == "good"


@pytest.mark.limit(60)
def test_a_theme_file_is_read_again_while_the_console_is_open_and_a_bad_one_is_said(home: Home) -> None:
    file = own_theme(home, theme("mine", page="#101820"))
    with console(home) as terminal:
        painted(terminal, "#101820", since=0)
        before = len(terminal.written)
        file.write_text(theme("mine", page="#18101c"), "utf-8")
        painted(terminal, "#18101c", since=before)
        before = len(terminal.written)
        file.write_text(theme("mine").replace("#ff7f84", "scarlet"), "utf-8")
        terminal.until("expected a colour such as", since=before)
        painted(terminal, "#0f1216", since=before)


@pytest.mark.limit(60)
def test_a_bad_colour_at_the_start_is_said_and_the_default_used(home: Home) -> None:
    own_theme(home, theme("mine", page="#101820").replace("#ff7f84", "scarlet"))
    with console(home) as terminal:
        terminal.until("expected a colour such as")
        painted(terminal, "#0f1216", since=0)
        assert paper("#101820") not in terminal.written


@pytest.mark.limit(60)
def test_a_theme_of_a_plugin_is_listed_worn_and_read_again(home: Home, tmp_path: Path) -> None:
    environ = with_plugin(tmp_path / "site", theme("acme-night", page="#101820"))
    home.configure({"appearance": {"theme": "acme-night"}, "dynamic_ai": {"discover_local": False}})

    listed = home.run("themes", "list", environ=environ)

    assert str(tmp_path / "site" / "acme.toml") in next(
        line for line in listed.out.splitlines() if line.startswith("acme-night")
    )
    with console(home, environ) as terminal:
        painted(terminal, "#101820", since=0)
        before = len(terminal.written)
        (tmp_path / "site" / "acme.toml").write_text(theme("acme-night", page="#18101c"), "utf-8")
        painted(terminal, "#18101c", since=before)
