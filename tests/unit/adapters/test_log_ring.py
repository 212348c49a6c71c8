"""The newest lines of the log: without secrets, bounded, and of every level."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from provider_console.adapters.log_file import LOGGER, log_to
from provider_console.adapters.log_ring import KEPT, MESSAGE_LIMIT, TRACEBACK_LIMIT, LogRing
from provider_console.adapters.places import Places
from provider_console.adapters.redaction import Redactor
from provider_console.sdk.secret import Secret

CANARY = "canary-4711-value"
log = logging.getLogger("provider_console.engine.somewhere")


@pytest.fixture
def ring(tmp_path: Path) -> Iterator[LogRing]:
    redactor = Redactor()
    redactor.add(Secret(CANARY))
    places = Places.of({"PROVIDER_CONSOLE_HOME": str(tmp_path)})
    with log_to(places, level="warning", redactor=redactor, environ={}) as ring:
        yield ring


def test_every_level_is_kept_though_the_file_takes_less(ring: LogRing, tmp_path: Path) -> None:
    log.debug("a round begins")
    log.warning("refused")

    assert [(row.seq, row.level, row.source, row.message) for row in ring.rows()] == [
        (2, "warning", "engine.somewhere", "refused"),
        (1, "debug", "engine.somewhere", "a round begins"),
    ]
    (file,) = tmp_path.rglob("console.log")
    assert "refused" in file.read_text("utf-8")
    assert "a round begins" not in file.read_text("utf-8")


def test_no_secret_is_in_a_message_an_argument_or_a_traceback(ring: LogRing) -> None:
    log.warning(f"said {CANARY}")
    log.warning("called with %s", CANARY)
    try:
        raise ValueError(CANARY)
    except ValueError:
        log.exception("failed")

    rows = ring.rows()
    assert len(rows) == 3
    assert CANARY not in repr(rows)
    assert rows[0].traceback is not None
    assert "ValueError: ***" in rows[0].traceback


def test_no_text_steers_the_terminal_of_who_reads_the_log_or_looks_like_a_line_of_its_own(
    ring: LogRing, tmp_path: Path
) -> None:
    forged = "2026-11-25 20:00:00,000 ERROR provider_console.audit nothing happened"
    log.warning("said %s", f"\x1b]0;pwn\x07\x1b[2J\x9b1m a\r{forged}\n{forged}\u2028{forged}")
    try:
        raise ValueError(f"\x1b[2J\n{forged}")
    except ValueError:
        log.exception("failed")

    (file,) = tmp_path.rglob("console.log")
    text = file.read_text("utf-8")
    lines = text.splitlines()
    assert not any(character in text for character in "\x1b\x07\x9b\r\u2028")
    assert len([line for line in lines if forged in line]) == 4
    assert not [line for line in lines if line.startswith("2026-11-25 20:00:00,000")]
    kept = "".join(f"{row.message}{row.traceback}" for row in ring.rows())
    assert not any(character in kept for character in "\x1b\x07\x9b")


def test_half_of_a_surrogate_costs_no_line(ring: LogRing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The report of this test could not be written either.
    monkeypatch.setattr(logging.getLogger(LOGGER), "propagate", False)

    log.warning("half of \ud800")

    (file,) = tmp_path.rglob("console.log")
    assert "half of \\ud800" in file.read_text("utf-8")


def test_the_log_is_its_owners_alone_in_a_folder_that_others_may_read(tmp_path: Path) -> None:
    places = Places.of({"PROVIDER_CONSOLE_HOME": str(tmp_path)})
    places.log.mkdir(mode=0o755)
    file = places.log / "console.log"
    before = os.umask(0)
    try:
        with log_to(places, level="info", redactor=Redactor(), environ={}):
            log.warning("one")
        assert file.stat().st_mode & 0o777 == 0o600
        file.chmod(0o644)
        with log_to(places, level="info", redactor=Redactor(), environ={}):
            log.warning("two")
        assert file.stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(before)
    assert len(file.read_text("utf-8").splitlines()) == 2


def test_the_log_is_not_written_through_a_link(tmp_path: Path) -> None:
    places = Places.of({"PROVIDER_CONSOLE_HOME": str(tmp_path)})
    places.log.mkdir(mode=0o700)
    (places.log / "console.log").symlink_to(tmp_path / "elsewhere")

    with log_to(places, level="info", redactor=Redactor(), environ={}) as ring:
        log.warning("one")
        assert [row.message for row in ring.rows()] == ["one"], "the console runs on without a log file"

    assert not (tmp_path / "elsewhere").exists()


def test_old_lines_make_room_and_long_ones_are_cut(ring: LogRing) -> None:
    for number in range(KEPT + 5):
        log.debug("line %d", number)
    try:
        raise ValueError("x" * 3 * TRACEBACK_LIMIT)
    except ValueError:
        log.exception("%s", "y" * 3 * MESSAGE_LIMIT)

    rows = ring.rows(limit=10 * KEPT)
    assert len(rows) == KEPT
    assert rows[0].seq == KEPT + 6
    assert rows[0].traceback is not None
    assert (len(rows[0].message), len(rows[0].traceback)) == (MESSAGE_LIMIT, TRACEBACK_LIMIT)


@pytest.mark.parametrize(("after", "limit", "seqs"), [(0, 2, [3, 2]), (2, 200, [3]), (9, 200, []), (0, -1, [])])
def test_only_lines_after_a_number_are_asked_for(ring: LogRing, after: int, limit: int, seqs: list[int]) -> None:
    for _ in range(3):
        log.info("line")

    assert [row.seq for row in ring.rows(after=after, limit=limit)] == seqs


def test_lines_of_several_threads_are_counted_one_after_the_other(ring: LogRing) -> None:
    threads = [threading.Thread(target=lambda: [log.info("line") for _ in range(50)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)

    assert [row.seq for row in ring.rows()] == list(range(200, 0, -1))


def test_nothing_is_kept_once_the_log_is_closed(tmp_path: Path) -> None:
    places = Places.of({"PROVIDER_CONSOLE_HOME": str(tmp_path)})
    before = logging.getLogger(LOGGER).level
    with log_to(places, level="info", redactor=Redactor(), environ={}) as ring:
        pass
    log.error("too late")

    assert not ring.rows()
    assert logging.getLogger(LOGGER).level == before
