"""An evaluation's table of contents: protocols, systems, figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from indexing.catalog import Catalog, read_catalog
from indexing.catalog.columns import id_column
from indexing.catalog.toml import read_catalog_config
from indexing.documents import Corpus, hash_documents, read_corpus
from indexing.embeddings import batch_encoder, read_hashes
from indexing.features import rating_percentile
from indexing.measure.metrics import Difference, by_user, debiased_recall, measure, paired_bootstrap
from indexing.measure.protocols import in_place
from indexing.measure.protocols.cold import cold_errors
from indexing.measure.protocols.in_place import words_in_place
from indexing.measure.protocols.known_item import SPELLINGS, TYPOS, known_item
from indexing.measure.protocols.off_topic import off_topic
from indexing.measure.protocols.pairs import PAIRS, written_pairs
from indexing.measure.protocols.steered import STEERED
from indexing.measure.protocols.tag_out import leave_tag_out
from indexing.measure.protocols.tastes import SEARCHED, taste_protocols
from indexing.measure.rankings import Rankings, rank_tastes, rank_texts
from indexing.measure.references import POPULARITY, RANDOM, bm25, words_of
from indexing.measure.report import Evaluation, Line, Measured
from indexing.measure.searched import BY_NOBODY
from indexing.measure.systems import CARRIERS, TEXT_ALONE, search_engines, similar_engines
from indexing.measure.topic import Protocol, Topic
from shortlist.bundle import layout
from shortlist.bundle.arrays import FloatArray, RowArray
from shortlist.bundle.reader import Bundle, read_manifest
from shortlist.bundle.store import ArtifactStore
from shortlist.bundle.stores import open_store
from shortlist.encoder.machine import Precision
from shortlist.encoder.runtime import Encoder
from shortlist.engine.snapshot import LoadOptions, Snapshot, load_snapshot
from shortlist.errors import CatalogError

REFERENCE = "similarity alone"
PREFERRED_REFERENCE = "profile notebook"
TASTE_REFERENCES = ("popularity", "text alone")
SHOWN = 10
_BY_TEXT = (STEERED, SEARCHED)

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


def open_subject(catalog_path: Path, artifacts: Path | ArtifactStore) -> Subject:
    """The live version and its catalogue.

    Raises CatalogError when the version was built from other documents, and what reading
    either raises.
    """
    catalog = read_catalog(read_catalog_config(catalog_path))
    corpus = read_corpus(catalog)
    documents = [text for batch in corpus.documents(batch_rows=65_536) for text in batch]
    folder = open_store(artifacts).live_folder()
    precision = Precision(read_manifest(folder).encoder.precision)
    snapshot = load_snapshot(folder, LoadOptions(precision=precision, encoder_threads=2))
    # overlays replace rows by number
    same_items = snapshot.bundle.ids.ids.equals(id_column(catalog))
    hashes = read_hashes(snapshot.bundle)
    if not (same_items and np.array_equal(hashes, hash_documents(documents))):
        raise CatalogError(
            f"{catalog_path}: the live version {snapshot.version} was built from other items or"
            " documents; run make index with this catalogue first"
        )
    encoder = batch_encoder(folder / layout.ENCODER, precision)
    return Subject(catalog, corpus, documents, snapshot, encoder)


def evaluate(subject: Subject, *, n_jobs: int | None = None) -> Evaluation:
    """Run every protocol that this catalogue has the data for, on all cores or `n_jobs`."""
    bundle = subject.bundle
    return Evaluation(
        catalog=bundle.manifest.catalog.name,
        version=bundle.version,
        precision=bundle.manifest.encoder.precision,
        n_items=bundle.n_items,
        default_profile=bundle.manifest.default_profile,
        measured=evaluate_texts(subject, n_jobs=n_jobs),
        tastes=evaluate_tastes(subject.snapshot, subject.catalog, n_jobs=n_jobs),
        cold=tuple(cold_errors(bundle)),
        off_topic=off_topic(subject.snapshot, subject.catalog.config),
    )


def evaluate_texts(subject: Subject, *, n_jobs: int | None = None) -> tuple[Measured, ...]:
    """Known item, words in place, leave tag out, and pairs of items."""
    bundle, words = subject.bundle, words_of(subject.documents)
    rated = [] if bundle.items.popularity is None else [POPULARITY]
    engines = search_engines(bundle.manifest.profiles)
    measured = []
    for protocol, values_of in (
        (subject.known_item(), _known_values),
        (words_in_place(subject.catalog), _in_place_values),
        (leave_tag_out(subject.catalog, subject.corpus), partial(_tag_values, bundle)),
    ):
        systems = [RANDOM, *rated, bm25(words, protocol.topics), *engines]
        found = rank_texts(subject.snapshot, subject.encoder, protocol, systems, n_jobs=n_jobs)
        measured.append(_measured(protocol, found, values_of))
    pairs, engines = written_pairs(subject.catalog), similar_engines(bundle)
    found = rank_texts(subject.snapshot, subject.encoder, pairs, engines, n_jobs=n_jobs)
    return (*measured, _measured(pairs, found, _pair_values))


def evaluate_tastes(
    snapshot: Snapshot, catalog: Catalog, *, n_jobs: int | None = None
) -> tuple[Measured, ...]:
    """Every protocol of taste, each skipped where the catalogue does not say who rated."""
    protocols, folds = taste_protocols(catalog)
    found = rank_tastes(snapshot, catalog, protocols, folds, n_jobs=n_jobs)
    counts = [np.bincount(others["row"], minlength=catalog.n_items) for others in folds]
    percentiles = [rating_percentile(each.astype(np.int32)) for each in counts]
    values_of = partial(_taste_values, percentiles)
    return tuple(
        _measured(protocol, found, _steered_values if protocol.name in _BY_TEXT else values_of)
        for protocol in protocols
    )


def _known_values(topics: Sequence[Topic], rankings: Sequence[RowArray]) -> Values:
    """Success@1 by kind of spelling, Success@10 and the reciprocal rank over all of them."""
    metrics = measure(topics, rankings, ("Success@1", "Success@10", "MRR"))
    first, kinds = metrics.pop("Success@1"), np.array([topic.kind for topic in topics])
    shown = {"one typo" if kind in TYPOS else kind: kind for kind in SPELLINGS}
    by_kind = {
        name: np.where(np.isin(kinds, TYPOS if kind in TYPOS else kind), first, np.nan)
        for name, kind in shown.items()
    }
    return {"Success@1": first, **by_kind, **metrics}


def _in_place_values(topics: Sequence[Topic], rankings: Sequence[RowArray]) -> Values:
    """P@10 and nDCG@10 of tags, of categories, and of pairs of both."""
    kinds = np.array([topic.kind for topic in topics])
    metrics = measure(topics, rankings, ("P@10", "nDCG@10"))
    by_kind = {
        f"{kind}, {name}": np.where(kinds == kind, values, np.nan)
        for name, values in metrics.items()
        for kind in in_place.KINDS
    }
    return {"P@10": metrics["P@10"], **by_kind}


def _pair_values(topics: Sequence[Topic], rankings: Sequence[RowArray]) -> Values:
    """Whether the other of a pair is among the first ten, of all and by kind, and how high."""
    metrics = measure(topics, rankings, ("Success@10", "MRR"))
    kinds = np.array([topic.kind for topic in topics])
    by_kind = {
        kind: np.where(kinds == kind, metrics["Success@10"], np.nan)
        for kind in dict.fromkeys(kinds.tolist())
    }
    return {"Success@10": metrics["Success@10"], **by_kind, "MRR": metrics["MRR"]}


def _tag_values(bundle: Bundle, topics: Sequence[Topic], rankings: Sequence[RowArray]) -> Values:
    """nDCG@10, Recall@50, the reciprocal rank, and Recall@50 without the popularity bias."""
    metrics = measure(topics, rankings, ("nDCG@10", "Recall@50", "MRR"))
    if bundle.items.popularity is not None:
        counts = bundle.items.popularity.rating_count
        metrics["Recall@50, debiased"] = debiased_recall(topics, rankings, counts, depth=50)
    return metrics


def _taste_values(
    percentiles: Sequence[FloatArray], topics: Sequence[Topic], rankings: Sequence[RowArray]
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


def _steered_values(topics: Sequence[Topic], rankings: Sequence[RowArray]) -> Values:
    """nDCG@10 of what the person likes, and the share of the first ten that carry the text."""
    metrics = measure(topics, rankings, ("nDCG@10", "Recall@20"))
    shown = [np.isin(rows[:SHOWN], topic.carriers).sum() / SHOWN
             for topic, rows in zip(topics, rankings, strict=True)]  # fmt: skip
    return {**metrics, "carriers@10": np.array(shown)}


def _measured(
    protocol: Protocol,
    found: Rankings,
    values_of: Callable[[Sequence[Topic], Sequence[RowArray]], Values],
) -> Measured:
    """A protocol's lines; those asked by a text are compared on the half held out."""
    topics = protocol.topics
    if protocol.skipped:
        return Measured(protocol.name, skipped=protocol.skipped)
    values = {
        system: values_of(topics, rankings)
        for (name, system), rankings in found.items()
        if name == protocol.name
    }
    users = {topic.user for topic in topics} - {""}
    held_out = None if users else np.array([topic.held_out for topic in topics])
    compared = _compared(protocol.name, values)
    return Measured(
        protocol=protocol.name,
        metrics=tuple(next(iter(values.values()))),
        n_topics=len(topics),
        n_held_out=0 if held_out is None else int(held_out.sum()),
        n_users=len(users),
        compared_with=compared,
        lines=tuple(_line(system, values, compared, held_out) for system in values),
    )


def _compared(protocol: str, values: Mapping[str, Values]) -> tuple[str, ...]:
    """The systems that others are compared with."""
    if protocol == STEERED:
        return CARRIERS, TEXT_ALONE
    if protocol == SEARCHED:
        return (BY_NOBODY,)
    if TEXT_ALONE in values:
        return (TEXT_ALONE,) if protocol == PAIRS else TASTE_REFERENCES
    return (PREFERRED_REFERENCE if PREFERRED_REFERENCE in values else REFERENCE,)


def _line(
    system: str, values: Mapping[str, Values], compared: Sequence[str], held_out: np.ndarray | None
) -> Line:
    own, judged = values[system], slice(None) if held_out is None else held_out
    first = next(iter(own))
    differences: dict[str, Difference | None] = dict.fromkeys(compared)
    for other in compared:
        if other != system and len(own[first][judged]):
            reference = values[other][first][judged]
            differences[other] = paired_bootstrap(own[first][judged], reference)
    return Line(
        system=system,
        every=_means(own),
        held_out={} if held_out is None else _means(own, held_out),
        differences=differences,
    )


def _means(values: Values, judged: np.ndarray | slice = slice(None)) -> dict[str, float]:
    """The mean of each metric over what it says something of."""
    known = {name: each[judged][np.isfinite(each[judged])] for name, each in values.items()}
    return {name: float(each.mean()) if len(each) else float("nan") for name, each in known.items()}
