"""Stages are timed, and none is entered after the deadline."""

from __future__ import annotations

import pytest

from shortlist.engine.clock import Stage, StageClock
from shortlist.errors import DeadlineExceeded


class Time:
    """A clock that moves only when told to."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def time() -> Time:
    return Time()


def test_every_stage_that_was_entered_has_its_seconds(time: Time) -> None:
    clock = StageClock(5, now=time)
    for stage, seconds in ((Stage.ENCODE, 0.5), (Stage.RETRIEVE, 0.25)):
        clock.enter(stage)
        time.seconds += seconds
        clock.leave()
        time.seconds += 1  # between stages: nobody's
    assert clock.durations_s == {"encode": 0.5, "retrieve": 0.25}
    assert clock.elapsed_s() == clock.leave() == 2.75


def test_a_stage_lasts_until_the_next_is_entered(time: Time) -> None:
    clock = StageClock(now=time)
    for stage, seconds in ((Stage.RETRIEVE, 2), (Stage.RANK, 1), (Stage.SERIALISE, 4)):
        clock.enter(stage)
        time.seconds += seconds
    assert clock.durations_s == {"retrieve": 2, "rank": 1}
    assert clock.leave() == 7
    assert clock.durations_s == {"retrieve": 2, "rank": 1, "serialise": 4}


def test_a_stage_entered_twice_has_the_sum(time: Time) -> None:
    clock = StageClock(now=time)
    for seconds in (1, 2):
        clock.enter(Stage.RANK)
        time.seconds += seconds
    clock.leave()
    assert clock.durations_s == {"rank": 3}


@pytest.mark.parametrize("stage", [Stage.ENCODE, Stage.RETRIEVE, Stage.RANK])
def test_after_the_deadline_no_stage_that_computes_is_entered(time: Time, stage: Stage) -> None:
    clock = StageClock(0.5, now=time)
    clock.enter(Stage.ENCODE)
    time.seconds += 0.75
    with pytest.raises(DeadlineExceeded) as caught:
        clock.enter(stage)
    assert str(caught.value) == f"the time of a request, 0.5 s, was up before stage {stage}"
    time.seconds += 1
    clock.leave()
    assert clock.durations_s == {"encode": 0.75}, "the stage that took too long is timed"


def test_an_answer_that_is_computed_is_written_down_however_late(time: Time) -> None:
    clock = StageClock(0.5, now=time)
    time.seconds += 9
    clock.enter(Stage.SERIALISE)
    time.seconds += 1
    clock.leave()
    assert clock.durations_s == {"serialise": 1}


def test_at_the_deadline_itself_there_is_still_time(time: Time) -> None:
    clock = StageClock(0.5, now=time)
    time.seconds += 0.5
    clock.enter(Stage.RANK)
    clock.leave()
    assert clock.durations_s == {"rank": 0}


def test_0_is_no_deadline(time: Time) -> None:
    clock = StageClock(now=time)
    time.seconds += 1e6
    clock.enter(Stage.ENCODE)
    time.seconds += 1
    clock.leave()
    assert clock.durations_s == {"encode": 1}
