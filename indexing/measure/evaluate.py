"""An evaluation's table of contents: protocols, systems, figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from indexing.catalog import Catalog, read_catalog
from indexing.catalog.toml import read_catalog_config
from indexing.corpus import Corpus, id_column, read_corpus
from indexing.documents import hash_documents
from indexing.embeddings import read_hashes
from indexing.measure import known_item as known
from indexing.measure import tag_out
from indexing.measure.cold import cold_errors
from indexing.measure.figures import Evaluation, Line, Measured
from indexing.measure.metrics import (
    debiased_recall,
    measure,
    paired_bootstrap,
)
from indexing.measure.off_topic import off_topic
from indexing.measure.run import rankings
from indexing.measure.systems import (
    DEPTH,
    Bm25,
    PopularityOrder,
    RandomOrder,
    System,
    engine_systems,
)
from indexing.measure.taste import evaluate_tastes
from indexing.measure.topics import Protocol, RowArray, Topic
from shortlist.bundle import layout
from shortlist.bundle.reader import Bundle, read_manifest
from shortlist.bundle.store import ArtifactStore
from shortlist.encoder.machine import Precision, available_cores
from shortlist.encoder.runtime import Encoder
from shortlist.engine.snapshot import LoadOptions, Snapshot, load_snapshot
from shortlist.errors import CatalogError

FloatArray = npt.NDArray[np.float64]

KNOWN_DEPTH = 100
REFERENCE = "similarity alone"
PREFERRED_REFERENCE = "profile notebook"


@dataclass(frozen=True)
class Subject:
    """What is evaluated: a published version and the catalogue it was built from."""

    catalog: Catalog
    corpus: Corpus
    snapshot: Snapshot
    encoder: Encoder

    @property
    def bundle(self) -> Bundle:
        """The bundle that is evaluated."""
        return self.snapshot.bundle


def open_subject(catalog_path: Path, artifacts: Path) -> Subject:
    """The live version and its catalogue.

    Raises CatalogError when the version was built from other documents, and what reading
    either raises.
    """
    config = read_catalog_config(catalog_path)
    catalog = read_catalog(config)
    corpus = read_corpus(catalog)
    folder = ArtifactStore(artifacts).live_folder()
    precision = Precision(read_manifest(folder).encoder.precision)
    snapshot = load_snapshot(folder, LoadOptions(precision=precision, encoder_threads=2))
    _check_same(catalog, corpus, snapshot.bundle, catalog_path)
    n_cores = available_cores()
    encoder = Encoder(
        folder / layout.ENCODER, precision=precision, n_streams=n_cores, n_threads=n_cores
    )
    return Subject(catalog, corpus, snapshot, encoder)


def evaluate(subject: Subject) -> Evaluation:
    """Run every protocol that this catalogue has the data for."""
    bundle = subject.bundle
    return Evaluation(
        catalog=bundle.manifest.catalog.name,
        version=bundle.version,
        precision=bundle.manifest.encoder.precision,
        n_items=bundle.n_items,
        default_profile=bundle.manifest.default_profile,
        measured=(evaluate_known_item(subject), evaluate_tag_out(subject)),
        tastes=tuple(evaluate_tastes(subject.snapshot, subject.catalog)),
        cold=tuple(cold_errors(bundle)),
        off_topic=off_topic(subject.snapshot, subject.catalog.config),
    )


def evaluate_known_item(subject: Subject) -> Measured:
    """Success@1 by kind of spelling, Success@10 and the reciprocal rank over all of them."""
    items = subject.catalog.items
    protocol = known.known_item(items.titles.tolist(), items.ids.tolist())
    if protocol.skipped:
        return _skipped(protocol)
    found = rankings(
        subject.snapshot, subject.encoder, protocol, _systems(subject, protocol), depth=KNOWN_DEPTH
    )
    values = {name: _known_metrics(protocol.topics, ranked) for name, ranked in found.items()}
    return _measured(protocol, values)


def evaluate_tag_out(subject: Subject) -> Measured:
    """nDCG@10, Recall@50, the reciprocal rank, and Recall@50 without the popularity bias."""
    protocol = tag_out.leave_tag_out(subject.catalog, subject.corpus)
    if protocol.skipped:
        return _skipped(protocol)
    found = rankings(
        subject.snapshot, subject.encoder, protocol, _systems(subject, protocol), depth=DEPTH
    )
    popularity = subject.bundle.items.popularity
    values = {}
    for name, ranked in found.items():
        metrics = measure(protocol.topics, ranked, ("nDCG@10", "R@50", "RR"))
        values[name] = {
            "nDCG@10": metrics["nDCG@10"],
            "Recall@50": metrics["R@50"],
            "MRR": metrics["RR"],
        }
        if popularity is not None:
            values[name]["Recall@50, debiased"] = debiased_recall(
                protocol.topics, ranked, popularity.rating_count, depth=50
            )
    return _measured(protocol, values)


def _known_metrics(topics: Sequence[Topic], ranked: Sequence[RowArray]) -> dict[str, FloatArray]:
    """NaN where a metric does not concern a topic: the means leave it out."""
    metrics = measure(topics, ranked, ("Success@1", "Success@10", "RR"))
    kinds = np.array([topic.kind for topic in topics])

    def only(*wanted: str) -> FloatArray:
        return np.where(np.isin(kinds, wanted), metrics["Success@1"], np.nan)

    return {
        "Success@1": metrics["Success@1"],
        "exact": only("exact"),
        "lower case": only("lower case"),
        "no diacritics": only("no diacritics"),
        "one typo": only(*known.TYPOS),
        "missing word": only("missing word"),
        "prefix": only("prefix"),
        "Success@10": metrics["Success@10"],
        "MRR": metrics["RR"],
    }


def _systems(subject: Subject, protocol: Protocol) -> list[System]:
    documents = [text for batch in subject.corpus.documents(batch_rows=65_536) for text in batch]
    rated = subject.bundle.items.popularity is not None
    return [
        RandomOrder(),
        *([PopularityOrder(subject.snapshot)] if rated else []),
        Bm25(documents, protocol.topics),
        *engine_systems(subject.bundle.manifest.profiles),
    ]


def _measured(protocol: Protocol, values: dict[str, dict[str, FloatArray]]) -> Measured:
    held_out = np.array([topic.held_out for topic in protocol.topics])
    reference = PREFERRED_REFERENCE if PREFERRED_REFERENCE in values else REFERENCE
    names = tuple(next(iter(values.values())))
    lines = tuple(
        Line(
            system=system,
            every={name: _mean(metrics[name]) for name in names},
            held_out={name: _mean(metrics[name][held_out]) for name in names},
            difference=None
            if system == reference or not held_out.any()
            else paired_bootstrap(
                metrics[names[0]][held_out], values[reference][names[0]][held_out]
            ),
        )
        for system, metrics in values.items()
    )
    return Measured(protocol.name, names, len(held_out), int(held_out.sum()), reference, lines)


def _mean(values: FloatArray) -> float:
    known_values = values[np.isfinite(values)]
    return float(known_values.mean()) if len(known_values) else float("nan")


def _skipped(protocol: Protocol) -> Measured:
    return Measured(protocol.name, (), 0, 0, "", (), skipped=protocol.skipped)


def _check_same(catalog: Catalog, corpus: Corpus, bundle: Bundle, path: Path) -> None:
    """The version must be of these documents: overlays replace rows by number."""
    hashes = [hash_documents(batch) for batch in corpus.documents(batch_rows=65_536)]
    same = bundle.ids.ids.equals(id_column(catalog)) and np.array_equal(
        read_hashes(bundle.folder / layout.DOCUMENTS), np.concatenate(hashes)
    )
    if not same:
        raise CatalogError(
            f"{path}: the live version {bundle.version} was built from other items or documents;"
            " run make index with this catalogue first"
        )
