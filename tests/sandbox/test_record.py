"""The log is bounded, the counts are not, and neither grows with what a scanner makes up."""

import msgspec

from provider_console.sandbox import Seen
from provider_console.sandbox.record import KEPT, Record

SEEN = Seen(
    number=1,
    at_s=0.0,
    method="GET",
    path="/health",
    lane="probe",
    fault="ok",
    connection=1,
    reused=False,
    credential=False,
)


def test_the_log_keeps_the_last_and_the_counts_keep_all() -> None:
    record = Record()

    for number in range(1, KEPT + 11):
        seen = msgspec.structs.replace(SEEN, number=number)
        record.arrived(seen)
        record.answered(seen, status=200, facts={})

    assert [seen.number for seen in record.requests] == list(range(11, KEPT + 11))
    assert record.count("/health", status=200) == record.total == KEPT + 10


def test_paths_without_a_route_are_counted_together_from_some_number_on() -> None:
    record = Record()

    for number in range(1, 521):
        record.arrived(msgspec.structs.replace(SEEN, number=number, path=f"/{number}", lane=None))
    record.arrived(SEEN)

    assert len(record.counts()) == 502
    assert record.count("(other)") == 20
    assert record.count("/health") == 1


def test_an_answer_to_a_request_that_left_the_log_is_still_counted() -> None:
    record = Record()
    record.arrived(SEEN)
    for number in range(2, KEPT + 2):
        record.arrived(msgspec.structs.replace(SEEN, number=number))

    record.answered(SEEN, status=503, facts={})

    assert record.count(status=503) == 1
    assert len(record.requests) == KEPT


def test_a_cleared_record_is_empty() -> None:
    record = Record()
    record.arrived(SEEN)
    record.clear()

    assert (record.total, record.requests, record.counts()) == (0, (), {})
