"""A change with a way back, as a person makes it: impact, confirm, an editor, two editors, and kill -9."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import resource
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
from tests.e2e.home import Home, clean_stderr, deepl, translation

from provider_console.sandbox import Server

pytestmark = pytest.mark.limit(60)

KEY = "engine.max_retries"
CORE = resource.getrlimit(resource.RLIMIT_CORE)


@pytest.fixture
def served(home: Home, deepl_server: Server) -> Home:
    providers = {
        "first": deepl(deepl_server.base_url, tier="primary"),
        "second": deepl(deepl_server.base_url, tier="secondary"),
    }
    home.configure(translation(providers, engine={"max_retries": 3}))
    return home


def editor(home: Home, code: str) -> dict[str, str]:
    """The environment with an editor that is a Python program; the draft is its argument."""
    program = home.path / "editor.py"
    program.write_text(f"import os, pathlib, subprocess, sys\ndraft = pathlib.Path(sys.argv[1])\n{code}\n")
    return {"EDITOR": f"{sys.executable} {program}"}


def value(home: Home) -> str:
    return home.run("config", "get", KEY).out.strip()


def test_setting_says_what_would_change_in_the_plans(served: Home) -> None:
    swapped = served.run("config", "set", "translation.providers.first.tier", "fallback")
    preferred = served.run("config", "set", 'translation.prefer."en>es"', '["first", "second"]')
    fewer = served.run("config", "set", "engine.max_providers", "1")
    off = served.run("config", "set", "translation.providers.second.enabled", "false")
    same = served.run("config", "set", "log.level", "debug")

    assert "impact: translation: first, second → second, first" in swapped.err
    assert "translation en›es: first, second → second, first" in swapped.err
    assert "impact: translation en›es: second, first → first, second" in preferred.err
    assert "impact: translation: second, first → second; translation en›es: first, second → first" in fewer.err
    assert "impact: translation: second → first" in off.err
    assert "impact: no plan would change" in same.err
    for finished in (swapped, preferred, fewer, off, same):
        assert finished.code == 0, finished
        clean_stderr(finished)


def test_a_new_provider_stands_in_the_plan_before_it_is_in_force(served: Home) -> None:
    table = '{ driver = "apertium", base_url = "http://127.0.0.1:9", network = "loopback", tier = "primary" }'

    added = served.run("config", "set", "translation.providers.third", table)

    assert re.search(r"impact: translation: first, second → \S*(first, third|third, first), second", added.err), added


def test_what_is_confirmed_stays_and_what_is_not_is_taken_back_by_the_next_command(served: Home) -> None:
    tried = served.run("config", "set", KEY, "1", "--confirm-within", "1h")
    refused = served.run("config", "set", KEY, "2")
    confirmed = served.run("config", "confirm")
    again = served.run("config", "confirm")

    assert (tried.code, "on trial until" in tried.err) == (0, True)
    assert (refused.code, "config confirm" in refused.err) == (1, True)
    assert (confirmed.code, again.code, value(served)) == (0, 2, "1")

    served.run("config", "set", KEY, "2", "--confirm-within", "10s")
    rows = served.rows("SELECT until FROM config_trial")
    assert len(rows) == 1
    served_write(served, "UPDATE config_trial SET until = 1.0")  # as if the ten seconds had passed
    after = served.run("config", "get", KEY)

    assert after.out.strip() == "1"
    assert "was taken back: nobody confirmed it" in after.err
    assert [row for row in served.audited() if row[0] == "take_back_config"] == [
        ("take_back_config", "intent", "pending"),
        ("take_back_config", "outcome", "done"),
    ]
    assert served.run("audit", "verify").code == 0


def served_write(home: Home, sql: str) -> None:
    with closing(sqlite3.connect(home.path / "console.db")) as database, database:
        database.execute(sql)


KILLED = """
import asyncio, os, signal
from provider_console import open_console

async def main():
    async with open_console() as console:
        await console.set_config("engine.max_retries", 1, confirm_within_s=3600)
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_a_trial_whose_console_was_killed_is_taken_back_at_the_next_start(served: Home) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, env=served.environ)
    assert await process.wait() == -9
    assert "max_retries = 1" in await asyncio.to_thread((served.path / "config.toml").read_text)

    after = await asyncio.to_thread(served.run, "config", "get", KEY)

    assert after.out.strip() == "3"
    assert "the console that watched it was ended" in after.err
    history = await asyncio.to_thread(served.run, "config", "history")
    assert "taken back: the console that watched it was ended" in history.out
    assert ("take_back_config", "outcome", "done") in served.audited()


def test_an_editor_changes_the_configuration_once_it_is_valid(served: Home) -> None:
    good = served.run(
        "config", "edit", environ=editor(served, 'draft.write_text(draft.read_text().replace("= 3", "= 2"))')
    )
    bad = served.run("config", "edit", environ=editor(served, 'draft.write_text("[engine]\\nmax_retries = 99\\n")'))
    same = served.run("config", "edit", environ=editor(served, "pass"))
    gone = served.run("config", "edit", environ={"EDITOR": "/no/such/editor"})

    assert (good.code, value(served)) == (0, "2")
    assert "-max_retries = 3" in good.err
    assert "+max_retries = 2" in good.err
    kept = re.search(r"your text is kept in (\S+)", bad.err)
    assert (bad.code, kept is not None) == (5, True), bad
    assert kept is not None
    assert "max_retries = 99" in Path(kept[1]).read_text()
    assert "config.toml:2:15" in bad.err
    assert (same.code, "nothing was changed" in same.err) == (0, True)
    assert (gone.code, "set EDITOR" in gone.err) == (2, True)


@pytest.mark.skipif(not Path("/proc/self/limits").exists() or not CORE[1], reason="no core files here anyway")
def test_a_crash_of_the_program_would_leave_no_core_file_with_credentials(served: Home) -> None:
    found = served.path / "limits"
    look = f"pathlib.Path({str(found)!r}).write_text(pathlib.Path(f'/proc/{{os.getppid()}}/limits').read_text())"
    resource.setrlimit(resource.RLIMIT_CORE, (CORE[1], CORE[1]))
    try:
        served.run("config", "edit", environ=editor(served, look))
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, CORE)

    (line,) = [line for line in found.read_text().splitlines() if line.startswith("Max core file size")]
    assert line.split()[4] == "0"


def test_of_two_editors_the_second_sees_the_first_ones_change_before_saving(served: Home) -> None:
    program = Path(sys.executable).with_name("provider-console")
    meanwhile = (
        f'subprocess.run(["{program}", "config", "set", "engine.base_delay", "77", "--quiet"], check=True)\n'
        'draft.write_text(draft.read_text().replace("= 3", "= 2"))'
    )

    second = served.run("config", "edit", environ=editor(served, meanwhile))

    assert second.code == 1
    assert "+base_delay = 77" in second.err
    assert "your text is kept in" in second.err
    assert "base_delay = 77" in (served.path / "config.toml").read_text()
    assert value(served) == "3"


def test_at_a_terminal_the_second_editor_takes_the_first_ones_change_over_and_saves(served: Home) -> None:
    program = Path(sys.executable).with_name("provider-console")
    code = (
        "seen = pathlib.Path(sys.argv[0]).with_name('seen')\n"
        "text = draft.read_text().replace('= 3', '= 2')\n"
        "if seen.exists():\n"
        "    text = text.replace('[engine]', '[engine]\\nbase_delay = 77')\n"
        "else:\n"
        "    seen.touch()\n"
        f"    subprocess.run(['{program}', 'config', 'set', 'engine.base_delay', '77', '--quiet'], check=True,"
        " stdin=subprocess.DEVNULL)\n"
        "draft.write_text(text)"
    )
    shown = at_a_terminal(served, ["config", "edit"], editor(served, code), answers=["take that over", "save?"])

    assert "+base_delay = 77" in shown
    text = (served.path / "config.toml").read_text()
    assert "base_delay = 77" in text
    assert "max_retries = 2" in text


def at_a_terminal(home: Home, arguments: list[str], environ: dict[str, str], *, answers: list[str]) -> str:
    """Run a command at a real terminal, and press Enter at each question; what was shown."""
    program = str(Path(sys.executable).with_name("provider-console"))
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(program, [program, *arguments], {**home.environ, **environ, "TERM": "xterm"})
    shown, left = "", list(answers)
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        shown += piece.decode(errors="replace")
        if left and left[0] in shown:
            left.pop(0)
            os.write(terminal, b"\n")
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert (os.waitstatus_to_exitcode(status), left) == (0, []), shown
    return shown


def test_a_version_that_can_no_longer_be_used_is_refused_with_the_reason(served: Home) -> None:
    served.run("config", "set", KEY, "2")
    served_write(served, "UPDATE config_revisions SET text = '[engine]' || char(10) || 'max_tries = 1' WHERE id = 1")

    refused = served.run("config", "restore", "1")

    assert refused.code == 5
    assert "revision 1 can no longer be used" in refused.err
    assert "max_tries" in refused.err
    assert value(served) == "2"
