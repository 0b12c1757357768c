"""Killing, stopping and reloading a service under load."""

from __future__ import annotations

import http.client
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.soak


def test_a_killed_worker_costs_only_what_was_in_flight_on_it(
    sample_artifacts: Path,
    start_service: Callable[..., Any],
    under_load: Callable[..., Any],
    wait_until: Callable[..., float],
) -> None:
    service = start_service(sample_artifacts, "--workers", "2")
    victim, survivor = service.workers()
    with under_load(service, 8) as load:
        time.sleep(3)
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: len(set(service.workers()) - {victim}) == 2, 20)
        time.sleep(4)
    assert survivor in service.workers()
    assert load.statuses() == {200: len(load.answers)}
    assert len(load.failures) <= 8, "at most one request in flight on each connection"
    print(f"\n{len(load.answers)} answers, {len(load.failures)} lost with the killed worker")


def test_a_single_killed_worker_is_replaced(
    sample_artifacts: Path, start_service: Callable[..., Any], wait_until: Callable[..., float]
) -> None:
    service = start_service(sample_artifacts)
    (victim,) = service.workers()

    def answers() -> bool:
        try:
            return bool(service.get("/v1/search?q=robots&k=3")[0] == 200)
        except (OSError, http.client.HTTPException):
            return False

    os.kill(victim, signal.SIGKILL)
    took_s = wait_until(answers, 30)
    assert victim not in service.workers()
    print(f"\nanswered again {took_s:.2f} s after the kill")


def test_term_finishes_what_is_in_flight_and_ends_with_0(
    sample_artifacts: Path, start_service: Callable[..., Any], under_load: Callable[..., Any]
) -> None:
    service = start_service(sample_artifacts, "--workers", "2")
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
    start_service: Callable[..., Any],
    under_load: Callable[..., Any],
    wait_until: Callable[..., float],
) -> None:
    service = start_service(sample_artifacts, "--workers", "2")
    before = set(service.workers())
    with under_load(service, 8) as load:
        time.sleep(2)
        service.process.send_signal(signal.SIGHUP)
        wait_until(lambda: not before & set(service.workers()), 60)
        time.sleep(3)
    assert load.failures == []
    assert load.statuses() == {200: len(load.answers)}
    slowest_ms = max(answer.took_s for answer in load.answers) * 1e3
    print(f"\n{len(load.answers)} answers across HUP, none lost; slowest {slowest_ms:.0f} ms")
