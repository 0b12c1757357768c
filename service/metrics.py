"""Prometheus metrics of all workers of one service."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from service.wsgi.exchange import Exchange
from shortlist.engine.query_encoder import Observer

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_STAGE_SECONDS = (0.0001, 0.00025, 0.0005, *_SECONDS[:-2])
_BATCH = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_RESULTS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_CREATED = "shortlist_bundle_created_timestamp_seconds"


class Metrics(Observer):
    """Counts what this worker does, and tells the numbers of all workers.

    `folder` is where the workers of one service share their numbers. prometheus_client decides
    when it is imported whether it writes there: PROMETHEUS_MULTIPROC_DIR has to name the folder
    by then. Without a folder the numbers are this object's own.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._registry = CollectorRegistry()
        self._created: Gauge | None = None
        count = partial(Counter, namespace="shortlist", registry=self._registry)
        spread = partial(Histogram, namespace="shortlist", registry=self._registry)
        self._requests = cache(count("requests", "Requests answered.", ("route", "status")).labels)
        seconds = spread("request_seconds", "Seconds to an answer.", ("route",), buckets=_SECONDS)
        self._seconds = cache(seconds.labels)
        stages = spread("stage_seconds", "Seconds in a stage.", ("stage",), buckets=_STAGE_SECONDS)
        self._stages = cache(stages.labels)
        self._batch = spread(
            "encode_batch_size", "Queries encoded in one inference.", buckets=_BATCH
        )
        lookups = count("query_cache_lookups", "Looks into the query cache.", ("outcome",))
        self._lookups = {True: lookups.labels("hit"), False: lookups.labels("miss")}
        self._results = spread("results", "Results returned by a request.", buckets=_RESULTS)
        self._empty = count("zero_result_queries", "Queries answered without a result.")
        self._no_match = count("no_good_match_queries", "Queries without a good match.")
        self._rejected = count("rejected", "Requests refused before routing.", ("reason",))
        self._writes = count("writes", "Requests to change items.", ("outcome",))
        self._events = count("events", "Events that were sent.", ("outcome",))
        self._logged = count("logged_answers", "Answers for the store of events.", ("outcome",))
        self._commits = spread("event_commit_seconds", "Seconds of a commit.", buckets=_SECONDS)
        self._swaps = count("swaps", "Bundles put in use, by each worker.")
        self._refusals = count("refusals", "Bundles refused, by each worker.")
        self._ready = Gauge(
            "shortlist_workers_ready",
            "Workers that have a bundle in use.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )

    def observe_exchange(self, exchange: Exchange) -> None:
        """Count an exchange that is over."""
        self.observe_request(exchange.route, exchange.status, exchange.took_s)
        self.observe_stages(exchange.clock.durations_s)
        if exchange.n_results is not None:
            self.observe_answer(n_results=exchange.n_results, no_good_match=exchange.no_good_match)

    def observe_request(self, route: str, status: int, seconds: float) -> None:
        """Count one answer; `route` is a rule, never a path, so that there are few."""
        self._requests(route, status).inc()
        self._seconds(route).observe(seconds)

    def observe_stages(self, durations_s: Mapping[str, float]) -> None:
        """Note the seconds of each stage of one request."""
        for stage, seconds in durations_s.items():
            self._stages(stage).observe(seconds)

    def observe_answer(self, *, n_results: int, no_good_match: bool = False) -> None:
        """Note what one query got."""
        self._results.observe(n_results)
        if not n_results:
            self._empty.inc()
        if no_good_match:
            self._no_match.inc()

    def observe_batch(self, n_queries: int) -> None:
        """Note how many queries one inference encoded."""
        self._batch.observe(n_queries)

    def observe_lookup(self, hit: bool) -> None:
        """Note one look into the cache of query vectors."""
        self._lookups[hit].inc()

    def observe_rejection(self, reason: str) -> None:
        """Count a request that was refused before routing."""
        self._rejected.labels(reason).inc()

    def observe_write(self, outcome: str) -> None:
        """Count a request that changes items: `accepted`, `refused` or `failed`."""
        self._writes.labels(outcome).inc()

    def observe_events(self, outcome: str, n: int) -> None:
        """Count events, `accepted` or `repeated`, or requests with them, `failed` or `refused`."""
        self._events.labels(outcome).inc(n)

    def observe_logged(self, outcome: str, n_answers: int) -> None:
        """Count answers for the store of events: `stored` or `dropped`."""
        self._logged.labels(outcome).inc(n_answers)

    def observe_commit(self, seconds: float) -> None:
        """Note how long one commit of the store of events took."""
        self._commits.observe(seconds)

    def observe_swap(self, created_at: float) -> None:
        """Note that a bundle made at this UNIX time is in use now."""
        if self._created is None:
            # Not before there is one: it would be told as made in 1970.
            self._created = Gauge(
                _CREATED,
                "When the bundle in use was made; the oldest of the workers'.",
                registry=self._registry,
                multiprocess_mode="livemin",
            )
        self._created.set(created_at)
        self._ready.set(1)
        self._swaps.inc()

    def observe_refusal(self) -> None:
        """Count a bundle that could not be used."""
        self._refusals.inc()

    def exposition(
        self, *, now: Callable[[], float] = time.time, n_pending: int | None = None
    ) -> bytes:
        """The numbers of all workers in Prometheus's text format.

        `n_pending` is how many changes wait, where that can be told.
        """
        source = self._registry.collect if self._folder is None else self._of_all_workers
        scrape = CollectorRegistry()
        scrape.register(_Scrape(source, now, n_pending))
        return generate_latest(scrape)

    def _of_all_workers(self) -> Iterable[Metric]:
        """Merged from files, but those that a worker has only just made, or died making."""
        assert self._folder is not None
        files = [path for path in self._folder.glob("*.db") if _size(path)]
        merged: Iterable[Metric] = MultiProcessCollector.merge(  # type: ignore[no-untyped-call]
            [str(path) for path in files]
        )
        return merged


class _Scrape:
    """What one scrape tells: the numbers, and what is known only at that moment."""

    def __init__(
        self,
        source: Callable[[], Iterable[Metric]],
        now: Callable[[], float],
        n_pending: int | None,
    ) -> None:
        self._source = source
        self._now = now
        self._n_pending = n_pending

    def collect(self) -> Iterator[Metric]:
        for metric in self._source():
            yield metric
            if metric.name == _CREATED and metric.samples:
                # 0 for a bundle of a clock that runs ahead
                age_s = max(0.0, self._now() - metric.samples[0].value)
                yield GaugeMetricFamily(
                    "shortlist_bundle_age_seconds", "Age of the oldest bundle in use.", age_s
                )
        if self._n_pending is not None:
            yield GaugeMetricFamily(
                "shortlist_changes_pending", "Records of changes to be applied.", self._n_pending
            )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
