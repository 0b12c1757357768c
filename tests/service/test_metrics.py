"""Numbers are counted once, told in Prometheus's format, and shared by processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.metrics import Metrics

Numbers = dict[str, float]


def numbers(metrics: Metrics, *, now: float = 0) -> Numbers:
    """Every sample of a scrape, by its name and labels as they are written."""
    return parsed(metrics.exposition(now=lambda: now).decode())


def parsed(text: str) -> Numbers:
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def test_requests_are_counted_by_route_and_status(metrics: Metrics) -> None:
    for status in (200, 200, 503):
        metrics.observe_request("/v1/search", status, 0.003)
    found = numbers(metrics)
    assert found["shortlist_requests_total{route=/v1/search,status=200}"] == 2
    assert found["shortlist_requests_total{route=/v1/search,status=503}"] == 1
    assert found["shortlist_request_seconds_count{route=/v1/search}"] == 3
    assert found["shortlist_request_seconds_bucket{le=0.0025,route=/v1/search}"] == 0
    assert found["shortlist_request_seconds_bucket{le=0.005,route=/v1/search}"] == 3
    assert found["shortlist_request_seconds_sum{route=/v1/search}"] == pytest.approx(0.009)


def test_each_stage_has_its_seconds(metrics: Metrics) -> None:
    metrics.observe_stages({"encode": 0.25, "rank": 0.5})
    metrics.observe_stages({"encode": 0.5})
    found = numbers(metrics)
    assert found["shortlist_stage_seconds_sum{stage=encode}"] == 0.75
    assert found["shortlist_stage_seconds_count{stage=encode}"] == 2
    assert found["shortlist_stage_seconds_sum{stage=rank}"] == 0.5


def test_empty_and_poor_answers_are_counted(metrics: Metrics) -> None:
    metrics.observe_answer(n_results=10)
    metrics.observe_answer(n_results=0)
    metrics.observe_answer(n_results=5, no_good_match=True)
    found = numbers(metrics)
    assert found["shortlist_results_sum"] == 15
    assert found["shortlist_results_bucket{le=0.0}"] == 1
    assert found["shortlist_results_bucket{le=5.0}"] == 2
    assert found["shortlist_zero_result_queries_total"] == 1
    assert found["shortlist_no_good_match_queries_total"] == 1


def test_encoding_lookups_refusals_and_rejections_are_counted(metrics: Metrics) -> None:
    for size in (1, 7):
        metrics.observe_batch(size)
    for hit in (True, True, False):
        metrics.observe_lookup(hit)
    metrics.observe_refusal()
    metrics.observe_rejection("overloaded")
    found = numbers(metrics)
    assert found["shortlist_encode_batch_size_sum"] == 8
    assert found["shortlist_encode_batch_size_bucket{le=4.0}"] == 1
    assert found["shortlist_query_cache_lookups_total{outcome=hit}"] == 2
    assert found["shortlist_query_cache_lookups_total{outcome=miss}"] == 1
    assert found["shortlist_refusals_total"] == 1
    assert found["shortlist_rejected_total{reason=overloaded}"] == 1


def test_before_the_first_bundle_there_is_neither_a_time_nor_an_age(metrics: Metrics) -> None:
    found = numbers(metrics, now=1000)
    assert found["shortlist_workers_ready"] == 0
    assert [name for name in found if "bundle" in name] == []


def test_the_age_is_that_at_the_scrape(metrics: Metrics) -> None:
    metrics.observe_swap(1000)
    metrics.observe_swap(1500)
    found = numbers(metrics, now=1600)
    assert found["shortlist_bundle_created_timestamp_seconds"] == 1500
    assert found["shortlist_bundle_age_seconds"] == 100
    assert numbers(metrics, now=1700)["shortlist_bundle_age_seconds"] == 200
    assert numbers(metrics, now=1400)["shortlist_bundle_age_seconds"] == 0, "its clock ran ahead"
    assert (found["shortlist_swaps_total"], found["shortlist_workers_ready"]) == (2, 1)


def test_two_applications_of_one_process_do_not_share_numbers() -> None:
    one, other = Metrics(), Metrics()
    one.observe_answer(n_results=3)
    assert numbers(one)["shortlist_results_sum"] == 3
    assert numbers(other)["shortlist_results_sum"] == 0


WORKER = """
import json, os, sys
from pathlib import Path
from service.metrics import Metrics

metrics = Metrics(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]))
created_at, n_requests = float(sys.argv[1]), int(sys.argv[2])
if created_at:
    metrics.observe_swap(created_at)
for _ in range(n_requests):
    metrics.observe_request("/v1/search", 200, 0.003)
print(json.dumps({"pid": os.getpid(), "text": metrics.exposition(now=lambda: 1000).decode()}))
sys.stdout.flush()
os._exit(9)  # like a kill: nothing is cleaned up
"""


def worker(folder: Path, repository: Path, *arguments: float) -> tuple[int, Numbers]:
    """The process id of a worker that has died, and the numbers it told before."""
    done = subprocess.run(
        [sys.executable, "-c", WORKER, *map(str, arguments)],
        env={
            **os.environ,
            "PYTHONPATH": str(repository),
            "PROMETHEUS_MULTIPROC_DIR": str(folder),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 9, done.stderr
    told = json.loads(done.stdout)
    return told["pid"], parsed(told["text"])


def test_what_a_dead_worker_counted_stays_and_its_gauges_go(
    tmp_path: Path, repository: Path
) -> None:
    first, _ = worker(tmp_path, repository, 400, 3)
    _, found = worker(tmp_path, repository, 700, 2)
    assert found["shortlist_requests_total{route=/v1/search,status=200}"] == 5
    assert found["shortlist_request_seconds_count{route=/v1/search}"] == 5
    # The oldest bundle in use counts, and nobody has said yet that the first worker is dead.
    assert found["shortlist_bundle_age_seconds"] == 1000 - 400
    assert found["shortlist_workers_ready"] == 2

    for gauge in tmp_path.glob(f"gauge_*_{first}.db"):
        gauge.unlink()
    _, found = worker(tmp_path, repository, 0, 1)
    assert found["shortlist_requests_total{route=/v1/search,status=200}"] == 6
    assert found["shortlist_bundle_age_seconds"] == 1000 - 700
    assert found["shortlist_workers_ready"] == 1
    assert found["shortlist_swaps_total"] == 2


def test_a_worker_that_died_making_its_file_spoils_no_scrape(
    tmp_path: Path, repository: Path
) -> None:
    (tmp_path / "counter_1.db").touch()
    (tmp_path / "histogram_1.db").write_bytes(bytes(65536))
    _, found = worker(tmp_path, repository, 0, 1)
    assert found["shortlist_requests_total{route=/v1/search,status=200}"] == 1
