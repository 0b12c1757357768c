"""An evaluation's table of contents: protocols, systems, figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from indexing.catalog import Catalog, read_catalog
from indexing.catalog.toml import read_catalog_config
from indexing.corpus import Corpus, id_column, read_corpus
from indexing.documents import hash_documents
from indexing.embeddings import read_hashes
from indexing.features import rating_percentile
from indexing.measure.metrics import by_user, debiased_recall, measure, paired_bootstrap
from indexing.measure.protocols.cold import cold_errors
from indexing.measure.protocols.known_item import TYPOS, known_item
from indexing.measure.protocols.off_topic import off_topic
from indexing.measure.protocols.tag_out import leave_tag_out
from indexing.measure.protocols.tastes import taste_protocols
from indexing.measure.rankings import Rankings, rank_tastes, rank_texts
from indexing.measure.report import Evaluation, Line, Measured
from indexing.measure.systems import (
    Bm25,
    Popularity,
    Random,
    System,
    search_engines,
    tokens,
)
from indexing.measure.topic import FloatArray, Protocol, RowArray, Topic
from shortlist.bundle import layout
from shortlist.bundle.reader import Bundle, read_manifest
from shortlist.bundle.store import ArtifactStore
from shortlist.encoder.machine import Precision, available_cores
from shortlist.encoder.runtime import Encoder
from shortlist.engine.snapshot import LoadOptions, Snapshot, load_snapshot
from shortlist.errors import CatalogError

REFERENCE = "similarity alone"
PREFERRED_REFERENCE = "profile notebook"
TASTE_REFERENCES = ("popularity", "text alone")
SHOWN = 10

Values = dict[str, FloatArray]
"""By the name of a metric its value for each topic, or each user; NaN where it says nothing."""


@dataclass(frozen=True)
class Subject:
    """What is evaluated: a published version and the catalogue it was built from."""

    catalog: Catalog
    corpus: Corpus
    documents: Sequence[str]
    snapshot: Snapshot
    encoder: Encoder

    @property
    def bundle(self) -> Bundle:
        """The bundle that is evaluated."""
        return self.snapshot.bundle

    def known_item(self) -> Protocol:
        """Its titles as questions."""
        items = self.catalog.items
        return known_item(items.titles.tolist(), items.ids.tolist())


def open_subject(catalog_path: Path, artifacts: Path) -> Subject:
    """The live version and its catalogue.

    Raises CatalogError when the version was built from other documents, and what reading
    either raises.
    """
    catalog = read_catalog(read_catalog_config(catalog_path))
    corpus = read_corpus(catalog)
    documents = [text for batch in corpus.documents(batch_rows=65_536) for text in batch]
    folder = ArtifactStore(artifacts).live_folder()
    precision = Precision(read_manifest(folder).encoder.precision)
    snapshot = load_snapshot(folder, LoadOptions(precision=precision, encoder_threads=2))
    if not _same(catalog, documents, snapshot.bundle):
        raise CatalogError(
            f"{catalog_path}: the live version {snapshot.version} was built from other items or"
            " documents; run make index with this catalogue first"
        )
    n_cores = available_cores()
    encoder = Encoder(
        folder / layout.ENCODER, precision=precision, n_streams=n_cores, n_threads=n_cores
    )
    return Subject(catalog, corpus, documents, snapshot, encoder)


def _same(catalog: Catalog, documents: Sequence[str], bundle: Bundle) -> bool:
    """The version must be of these documents: overlays replace rows by number."""
    return bool(bundle.ids.ids.equals(id_column(catalog))) and np.array_equal(
        read_hashes(bundle.folder / layout.DOCUMENTS), hash_documents(documents)
    )


def evaluate(subject: Subject, *, n_jobs: int | None = None) -> Evaluation:
    """Run every protocol that this catalogue has the data for, on all cores or `n_jobs`."""
    bundle = subject.bundle
    return Evaluation(
        catalog=bundle.manifest.catalog.name,
        version=bundle.version,
        precision=bundle.manifest.encoder.precision,
        n_items=bundle.n_items,
        default_profile=bundle.manifest.default_profile,
        measured=tuple(_evaluate_texts(subject, n_jobs)),
        tastes=tuple(evaluate_tastes(subject.snapshot, subject.catalog, n_jobs=n_jobs)),
        cold=tuple(cold_errors(bundle)),
        off_topic=off_topic(subject.snapshot, subject.catalog.config),
    )


def _evaluate_texts(subject: Subject, n_jobs: int | None) -> list[Measured]:
    words = tokens(subject.documents)
    known, tags = subject.known_item(), leave_tag_out(subject.catalog, subject.corpus)
    popularity = subject.bundle.items.popularity
    counts = None if popularity is None else popularity.rating_count
    measured = []
    for protocol in (known, tags):
        values: dict[str, Values] = {}
        if not protocol.skipped:
            systems = _systems(subject, protocol, words)
            found = rank_texts(subject.snapshot, subject.encoder, protocol, systems, n_jobs=n_jobs)
            for system, rankings in found.items():
                values[system] = (
                    _known_values(protocol.topics, rankings)
                    if protocol is known
                    else _tag_values(protocol.topics, rankings, counts)
                )
        measured.append(_measured(protocol, values))
    return measured


def _systems(subject: Subject, protocol: Protocol, words: Sequence[list[str]]) -> list[System]:
    return [
        Random(),
        *([] if subject.bundle.items.popularity is None else [Popularity()]),
        Bm25(words, protocol.topics),
        *search_engines(subject.bundle.manifest.profiles),
    ]


def _known_values(topics: Sequence[Topic], rankings: Sequence[RowArray]) -> Values:
    """Success@1 by kind of spelling, Success@10 and the reciprocal rank over all of them."""
    metrics = measure(topics, rankings, ("Success@1", "Success@10", "MRR"))
    kinds = np.array([topic.kind for topic in topics])
    shown = {kind: (kind,) for kind in ("exact", "lower case", "no diacritics")}
    shown |= {"one typo": TYPOS, "missing word": ("missing word",), "prefix": ("prefix",)}
    by_kind = {
        name: np.where(np.isin(kinds, wanted), metrics["Success@1"], np.nan)
        for name, wanted in shown.items()
    }
    return {"Success@1": metrics.pop("Success@1"), **by_kind, **metrics}


def _tag_values(
    topics: Sequence[Topic],
    rankings: Sequence[RowArray],
    counts: np.ndarray | None,
) -> Values:
    """nDCG@10, Recall@50, the reciprocal rank, and Recall@50 without the popularity bias."""
    metrics = measure(topics, rankings, ("nDCG@10", "Recall@50", "MRR"))
    if counts is not None:
        metrics["Recall@50, debiased"] = debiased_recall(topics, rankings, counts, depth=50)
    return metrics


def evaluate_tastes(
    snapshot: Snapshot, catalog: Catalog, *, n_jobs: int | None = None
) -> list[Measured]:
    """Every protocol of taste, each skipped where the catalogue does not say who rated."""
    protocols, folds = taste_protocols(catalog)
    found = rank_tastes(snapshot, catalog, protocols, folds, n_jobs=n_jobs)
    percentiles = [
        rating_percentile(np.bincount(others["row"], minlength=catalog.n_items)) for others in folds
    ]
    return [
        _measured(
            protocol,
            {
                system: _taste_values(protocol.topics, rankings, percentiles)
                for system, rankings in found.get(protocol.name, {}).items()
            },
        )
        for protocol in protocols
    ]


def _taste_values(
    topics: Sequence[Topic], rankings: Sequence[RowArray], percentiles: Sequence[FloatArray]
) -> Values:
    """nDCG@10 and Recall@20, what share of all items is shown to anybody, how popular they are.

    Means over each user's topics; the coverage, which is of all users together, stands for each.
    """
    users = [topic.user for topic in topics]
    metrics = measure(topics, rankings, ("nDCG@10", "Recall@20"))
    shown = [rows[:SHOWN] for rows in rankings]
    coverage = len(np.unique(np.concatenate(shown))) / len(percentiles[0])
    popular = [
        float(np.mean(percentiles[topic.fold][rows])) if len(rows) else 0.0
        for topic, rows in zip(topics, shown, strict=True)
    ]
    metrics["coverage@10"] = np.full(len(topics), coverage)
    metrics["popularity percentile"] = np.array(popular)
    return {name: by_user(users, values) for name, values in metrics.items()}


def _measured(protocol: Protocol, values: Mapping[str, Values]) -> Measured:
    """A protocol's lines; those asked by a text are judged by the half held out."""
    topics = protocol.topics
    if protocol.skipped:
        return Measured(protocol.name, (), 0, (), skipped=protocol.skipped)
    names = tuple(next(iter(values.values())))
    users = {topic.user for topic in topics} - {""}
    held_out = None if users else np.array([topic.held_out for topic in topics])
    compared: tuple[str, ...] = TASTE_REFERENCES
    if not users:
        compared = (PREFERRED_REFERENCE if PREFERRED_REFERENCE in values else REFERENCE,)
    return Measured(
        protocol=protocol.name,
        metrics=names,
        n_topics=len(topics),
        compared_with=compared,
        lines=tuple(_line(system, names, values, compared, held_out) for system in values),
        n_held_out=None if held_out is None else int(held_out.sum()),
        n_users=len(users),
    )


def _line(
    system: str,
    names: Sequence[str],
    values: Mapping[str, Values],
    compared: Sequence[str],
    held_out: np.ndarray | None,
) -> Line:
    judged = slice(None) if held_out is None else held_out
    differences = {
        other: None
        if other == system or not len(values[system][names[0]][judged])
        else paired_bootstrap(values[system][names[0]][judged], values[other][names[0]][judged])
        for other in compared
    }
    return Line(
        system=system,
        every={name: _mean(values[system][name]) for name in names},
        held_out={}
        if held_out is None
        else {name: _mean(values[system][name][judged]) for name in names},
        differences=differences,
    )


def _mean(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")
