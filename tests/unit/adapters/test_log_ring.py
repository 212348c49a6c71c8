"""The newest lines of the log: without secrets, bounded, and of every level."""

from __future__ import annotations

import logging
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
