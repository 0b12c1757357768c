"""A bundle with everything of a catalogue, from the catalogue and what the live version has."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from tqdm import tqdm

from indexing.calibration import write_calibration
from indexing.catalog import Catalog
from indexing.catalog.columns import id_column, item_table
from indexing.catalog.config import CatalogConfig
from indexing.catalog.settings import write_settings
from indexing.changing.intake import intake_of
from indexing.changing.source import write_source
from indexing.collecting import collecting_of
from indexing.collecting.owned import Collections
from indexing.documents import read_corpus
from indexing.embeddings import EmbeddingCounts
from indexing.encoding import Encoding, encoding_of
from indexing.entries import entries_of
from indexing.features import write_features
from indexing.neighbours.section import write_neighbours
from indexing.off_topic import write_off_topic
from indexing.popularity import Popularity, catalog_popularity
from indexing.probed import N_PROBES, nearest_of_all, write_nearest
from indexing.segments import (
    Fresh,
    Making,
    arrange_over,
    made_alike,
    measured_recall,
    write_orders,
    write_segments,
)
from indexing.suggestions import write_suggestions
from indexing.users import write_users
from indexing.workplace import Workplace
from shortlist.bundle import layout
from shortlist.bundle.manifest import CatalogInfo, Counts, Manifest, PopularityInfo, Section
from shortlist.bundle.profiles import Profile
from shortlist.bundle.reader import Bundle
from shortlist.bundle.sections.calibration import read_calibration
from shortlist.bundle.sections.item_features import read_features
from shortlist.bundle.store import OnStep
from shortlist.bundle.vectors import AnyVectors
from shortlist.bundle.writer import BundleWriter
from shortlist.encoder.machine import Precision
from shortlist.encoder.runtime import read_settings

log = logging.getLogger(__name__)


def write_bundle(
    folder: Path,
    catalog: Catalog,
    precision: Precision | None,
    *,
    live: Bundle | None,
    applied: Mapping[str, int],
    place: Workplace,
    own: Collections,
    on_step: OnStep,
) -> tuple[Manifest, EmbeddingCounts]:
    """Every file of the bundle, sealed, in an empty folder; and how much was encoded for it.

    What has not changed since `live` is taken over from it; `applied` is for the manifest. New
    documents are encoded at this `place`; collections that are made are `own`, the artifacts
    folder's. `precision` overrides the catalogue's. Raises CatalogError for what cannot be read,
    PublishError where an engine does not do what it is asked.
    """
    config = catalog.config
    corpus = read_corpus(catalog)
    texts = corpus.recall_probes()
    popularity = catalog_popularity(catalog)
    encoding = encoding_of(config, precision)
    settings, identity = encoding.settings, encoding.identity
    known = encoding.known_vectors(live)
    writer = BundleWriter(folder, embedding_dim=settings.embedding_dim)
    if live is not None and known and read_settings(live.folder / layout.ENCODER) == settings:
        writer.link_encoder(live)
    else:
        writer.copy_encoder(encoding.export, settings)
    on_step("encoder copied")
    ids = id_column(catalog)
    writer.write_tables(ids, item_table(catalog, popularity))
    write_settings(folder, config)
    write_source(folder, catalog)
    on_step("items written")
    entries = entries_of(catalog, corpus)
    contents = entries.contents()
    alike = live if live is not None and known and made_alike(live, config) else None
    arrangement = arrange_over(alike, contents)
    fresh = entries.of(arrangement.fresh)
    log.info("encoding what is new of %d documents", catalog.n_items)
    with tqdm(total=len(fresh), unit="doc", desc="encoding", disable=None, leave=False) as bar:
        making = Making(
            embedding_dim=settings.embedding_dim,
            encoding=partial(place.encoder, encoding),
            language=config.words.language,
            index_type=config.index.type,
            probes=lambda: encoding.queries(texts),
            known=known,
            on_progress=bar.update,
            on_step=on_step,
            collecting=collecting_of(config.retrieval, own),
        )
        new = Fresh(fresh, contents[arrangement.fresh], making)
        written = write_segments(writer, live, arrangement, new)
    _tell_cut(written.counts, settings.max_length)
    vectors, recall = written.vectors, None
    if not all(one.retrieval.exact for one in writer.segments):
        probes = encoding.queries(texts[:N_PROBES])
        np.save(folder / layout.PROBES, probes)
        nearest = nearest_of_all(probes, vectors)
        write_nearest(folder, nearest)
        recall = measured_recall(writer, written, probes, nearest)
    sections = {"features": write_features(folder, catalog, popularity, vectors)}
    volumes = read_features(folder, n_items=catalog.n_items).columns.get("rating_volume")
    write_orders(writer, live, volumes, anew=True)
    sections["suggestions"] = write_suggestions(folder, catalog)
    of_users, learnt = _write_of_users(folder, catalog, vectors, live)
    sections |= of_users
    on_step("neighbours written")
    sections |= _write_learnt(folder, vectors, texts, encoding, live)
    on_step("sections written")
    manifest = writer.seal(
        catalog=CatalogInfo(name=config.name, template=corpus.template.text),
        encoder=identity,
        counts=_counts(catalog),
        popularity=_popularity_info(config, popularity),
        profiles={**config.all_profiles, **learnt, **config.profiles},
        default_profile=config.default_profile,
        **config.roles,
        experiment=config.experiment,
        reads=config.reads,
        attributes=config.display.attributes,
        sections=sections,
        recall=recall,
        intake=intake_of(config, integer_ids=pa.types.is_integer(ids.type)),
        applied=dict(applied),
    )
    on_step("sealed")
    counts = written.counts
    return manifest, replace(counts, reused=counts.reused + catalog.n_items - len(fresh))


def _write_of_users(
    folder: Path, catalog: Catalog, vectors: AnyVectors, live: Bundle | None
) -> tuple[dict[str, Section], Mapping[str, Profile]]:
    """What follows from who rated what, and the profiles that were learnt with it."""
    neighbours, learnt = write_neighbours(folder, catalog, vectors, live=live)
    found = {"neighbours": neighbours, "users": write_users(folder, catalog)}
    return {name: one for name, one in found.items() if one is not None}, learnt


def _write_learnt(
    folder: Path, vectors: AnyVectors, texts: list[str], encoding: Encoding, live: Bundle | None
) -> dict[str, Section]:
    """What random pairs and texts about other things are like here, measured with its own texts."""
    how: dict[str, Any] = {"identity": encoding.identity.model_dump_json(), "live": live}
    sections = {"calibration": write_calibration(folder, vectors, texts, encoding.queries, **how)}
    known = read_calibration(folder, n_items=len(vectors))
    off_topic = write_off_topic(folder, vectors, texts, encoding.queries, calibration=known, **how)
    return sections if off_topic is None else {**sections, "off_topic": off_topic}


def _tell_cut(counts: EmbeddingCounts, max_length: int) -> None:
    if counts.cut:
        log.warning(
            "%d of the new documents are longer than the %d tokens that the model reads: what"
            " stands behind is found by its words, not by its meaning",
            *(counts.cut, max_length),
        )


def _counts(catalog: Catalog) -> Counts:
    tags, ratings = catalog.tags, catalog.ratings
    return Counts(
        items=catalog.n_items,
        tags=len(tags.table) if tags else 0,
        ratings=len(ratings.table) if ratings else 0,
        dropped_tags=tags.n_dropped if tags else 0,
        dropped_ratings=ratings.n_dropped if ratings else 0,
    )


def _popularity_info(config: CatalogConfig, popularity: Popularity | None) -> PopularityInfo | None:
    if popularity is None or config.scale is None:
        return None
    return PopularityInfo(
        prior_mean=popularity.prior_mean,
        prior_count=popularity.prior_count,
        prior_quantile=config.popularity.prior_quantile,
        scale=config.scale,
    )
