"""A circuit opens after failures, lets one try, and closes when it is answered."""

from __future__ import annotations

import pytest

from shortlist.engine.clock import Stage, StageClock, time_left_s
from shortlist.engine.remote.circuit import Circuit


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def circuit(clock: Clock) -> Circuit:
    return Circuit(now=clock)


def fail(circuit: Circuit, times: int = 1) -> None:
    for _ in range(times):
        circuit.failed("gone")


def test_two_failures_leave_it_closed_and_the_third_opens_it(circuit: Circuit) -> None:
    fail(circuit, 2)
    assert (circuit.wait_s(), circuit.problem) == (0, None)
    fail(circuit)
    assert (circuit.wait_s(), circuit.problem) == (1.0, "gone")


def test_failures_count_only_in_a_row(circuit: Circuit) -> None:
    fail(circuit, 2)
    circuit.succeeded()
    fail(circuit, 2)
    assert circuit.wait_s() == 0


def test_after_its_rest_one_may_try_while_the_others_wait(circuit: Circuit, clock: Clock) -> None:
    fail(circuit, 3)
    clock.now += 0.9
    assert circuit.wait_s() == pytest.approx(0.1) and not circuit.is_due
    clock.now += 0.2
    assert circuit.is_due
    assert [circuit.wait_s(), circuit.wait_s()] == [0.0, 1.0]
    circuit.succeeded()
    assert (circuit.wait_s(), circuit.problem, circuit.is_due) == (0, None, False)


def test_rests_double_up_to_eight_seconds_and_begin_anew(circuit: Circuit, clock: Clock) -> None:
    fail(circuit, 3)
    rests = []
    for _ in range(5):
        rests.append(circuit.wait_s())
        clock.now += rests[-1]
        assert circuit.wait_s() == 0
        fail(circuit)
    assert rests == [1.0, 2.0, 4.0, 8.0, 8.0]
    circuit.succeeded()
    fail(circuit, 3)
    assert circuit.wait_s() == 1.0


def test_many_that_wait_at_once_open_it_for_a_second_and_no_longer(circuit: Circuit) -> None:
    """Requests that were under way when it opened fail after it."""
    fail(circuit, 28)
    assert circuit.wait_s() == 1.0


def test_one_who_asks_others_hears_how_long_its_request_may_take(clock: Clock) -> None:
    of_request = StageClock(5, now=clock)
    of_request.enter(Stage.RETRIEVE)
    assert time_left_s(2.0) == 2.0
    clock.now += 4
    assert time_left_s(2.0) == 1.0
    clock.now += 2
    assert time_left_s(2.0) == 0
    of_request.leave()
    assert time_left_s(2.0) == 2.0, "nobody's request"
    StageClock(0, now=clock).enter(Stage.RETRIEVE)
    assert time_left_s(2.0) == 2.0
