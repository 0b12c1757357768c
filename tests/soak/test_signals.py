"""Killing, stopping and reloading a service under load."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.serving import Serve
from tests.soak.load import under_load

pytestmark = pytest.mark.soak


def test_a_killed_worker_costs_only_what_was_in_flight_on_it(
    sample_artifacts: Path,
    serve: Serve,
) -> None:
    service = serve(sample_artifacts, "--poll-s", "0.1", "--workers", "2").ready()
    victim, survivor = service.workers()
    with under_load(service, 8) as load:
        time.sleep(3)
        os.kill(victim, signal.SIGKILL)
        service.wait_for(lambda: len(set(service.workers()) - {victim}) == 2, 20)
        time.sleep(4)
    assert survivor in service.workers()
    assert load.statuses() == {200: len(load.answers)}
    assert len(load.failures) <= 8, "at most one request in flight on each connection"
    print(f"\n{len(load.answers)} answers, {len(load.failures)} lost with the killed worker")


def test_a_single_killed_worker_is_replaced(sample_artifacts: Path, serve: Serve) -> None:
    service = serve(sample_artifacts, "--poll-s", "0.1").ready()
    (victim,) = service.workers()
    os.kill(victim, signal.SIGKILL)
    killed_at = time.monotonic()
    service.wait_for(lambda: service.status_of("/v1/search?q=robots&k=3") == 200, 30)
    took_s = time.monotonic() - killed_at
    assert victim not in service.workers()
    print(f"\nanswered again {took_s:.2f} s after the kill")


def test_term_finishes_what_is_in_flight_and_ends_with_0(
    sample_artifacts: Path, serve: Serve
) -> None:
    service = serve(sample_artifacts, "--poll-s", "0.1", "--workers", "2").ready()
    with under_load(service, 8) as load:
        time.sleep(2)
        stopped_at = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        load.stop()
        code = service.process.wait(30)
    assert code == 0
    assert load.failures == []
    assert load.statuses() == {200: len(load.answers)}
    print(f"\nended with 0 after {time.monotonic() - stopped_at:.1f} s")


def test_hup_under_load_loses_no_request(
    sample_artifacts: Path,
    serve: Serve,
) -> None:
    service = serve(sample_artifacts, "--poll-s", "0.1", "--workers", "2").ready()
    before = set(service.workers())
    with under_load(service, 8) as load:
        time.sleep(2)
        service.process.send_signal(signal.SIGHUP)
        service.wait_for(lambda: not before & set(service.workers()), 60)
        time.sleep(3)
    assert load.failures == []
    assert load.statuses() == {200: len(load.answers)}
    slowest_ms = max(answer.took_s for answer in load.answers) * 1e3
    print(f"\n{len(load.answers)} answers across HUP, none lost; slowest {slowest_ms:.0f} ms")
