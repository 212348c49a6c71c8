"""Which fault which request meets."""

from typing import Any

import pytest

from provider_console.sandbox import KINDS, OK, Fault, Faults

SLOW = Fault("slow")
RESET = Fault("reset")


def plan(heard: list[tuple[bool, float | None]] | None = None) -> Faults:
    return Faults(lambda listening, seconds: None if heard is None else heard.append((listening, seconds)))


def test_a_script_comes_first_and_then_what_stands() -> None:
    faults = plan()
    faults.set(SLOW)
    faults.script([RESET, OK])

    assert [faults.next("work").kind for _ in range(4)] == ["reset", "ok", "slow", "slow"]


def test_probes_do_not_use_up_the_script_for_work() -> None:
    faults = plan()
    faults.script([RESET, RESET], on="work")

    assert faults.next("probe") == OK
    assert faults.left() == 2
    assert faults.next("work") == RESET


def test_a_lane_can_stand_apart() -> None:
    faults = plan()
    faults.set(SLOW, on="probe")

    assert (faults.next("work"), faults.next("probe")) == (OK, SLOW)


def test_setting_a_fault_drops_the_script() -> None:
    faults = plan()
    faults.script([RESET])
    faults.clear()

    assert faults.next("work") == OK


def test_refusing_tells_the_server_and_anything_else_takes_it_back() -> None:
    heard: list[tuple[bool, float | None]] = []
    faults = plan(heard)

    faults.set(Fault("refuse", seconds=2))
    faults.set(OK)

    assert heard == [(False, 2), (True, None)]


def test_refusing_is_neither_a_step_nor_for_one_lane() -> None:
    with pytest.raises(ValueError, match="not a step"):
        plan().script([Fault("refuse")])
    with pytest.raises(ValueError, match="every connection or none"):
        plan().set(Fault("refuse"), on="work")


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": 99},
        {"seconds": -1},
        {"chunks": -1},
        {"mebibytes": 0},
        {"retry_after": "soon"},
        {"retry_after": "2\r\nx: y"},
        {"location": "http://é/"},
        {"headers": {"x\n": "1"}},
        {"headers": {"Content-Length": "1"}},
        {"status": 204},
    ],
)
def test_a_fault_that_cannot_be_shown_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must|cannot"):
        Fault("status", **wrong)


def test_the_kinds_are_these() -> None:
    assert len(KINDS) == len(set(KINDS)) == 17
