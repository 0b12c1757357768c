"""The offline job's table of contents: catalogue in, published bundle out."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tqdm import tqdm

from indexing import embeddings
from indexing.calibration import write_calibration
from indexing.catalog import Catalog, read_catalog
from indexing.catalog.columns import id_column, item_table
from indexing.catalog.config import CatalogConfig
from indexing.catalog.toml import read_catalog_config
from indexing.documents import read_corpus
from indexing.embeddings import BATCH_ROWS, EmbeddingCounts, batch_encoder, embed_corpus
from indexing.export import cached_export, default_cache, with_prompts
from indexing.features import write_features
from indexing.gate import GateReport, check_name, pass_gate
from indexing.index import build_index
from indexing.models import resolve_model
from indexing.neighbours.section import write_neighbours
from indexing.off_topic import write_off_topic
from indexing.popularity import Popularity, catalog_popularity
from indexing.suggestions import write_suggestions
from indexing.titles import write_titles
from indexing.words import write_words
from shortlist.bundle import signing
from shortlist.bundle.manifest import CatalogInfo, Counts, EncoderInfo, Manifest, PopularityInfo
from shortlist.bundle.reader import Bundle, open_bundle
from shortlist.bundle.sections.calibration import read_calibration
from shortlist.bundle.store import ArtifactStore, OnStep, no_step
from shortlist.bundle.writer import BundleWriter
from shortlist.encoder.machine import Precision
from shortlist.errors import BundleError, PublishError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BuildReport:
    """What a build published, how much of it had to be encoded, and how it differs."""

    version: str
    manifest: Manifest
    counts: EmbeddingCounts
    gate: GateReport


def build(
    catalog_path: Path,
    artifacts: Path,
    *,
    precision: Precision | None = None,
    reuse: bool = True,
    force: bool = False,
    replace_catalog: bool = False,
    signing_key: Path | None = None,
    on_step: OnStep = no_step,
) -> BuildReport:
    """Read, embed, index, check and publish a catalogue.

    `precision` overrides the catalogue's; `force` and `replace_catalog` are the gate's; the version
    is signed with the private key in the file `signing_key`, if there is one. `on_step` is called
    with a name at every step's end, and for parts of a step with names like "published: renamed".
    The live version is as it was when an error is raised.
    """
    config = read_catalog_config(catalog_path)
    key = None if signing_key is None else signing.read_private_key(signing_key)
    store = ArtifactStore(artifacts)
    with store.lock():
        store.reconcile()
        expected = store.current_text()
        catalog = read_catalog(config)
        on_step("catalogue read")
        live = _live_bundle(store)
        check_name(store.live_catalog(), config.name, replace_catalog=replace_catalog)
        with store.staging() as folder:
            manifest, counts = _write_bundle(
                folder, catalog, precision, live=live if reuse else None, on_step=on_step
            )
            staged = store.name_staged(folder, manifest)
            if key is not None:
                signing.sign(staged, key)
            gate = pass_gate(staged, live.folder if live else None, config, force=force)
            on_step("gate passed")
            why = "; ".join(["publish", *(f"forced: {limit}" for limit in gate.overridden)])
            version = store.publish(
                staged,
                expected=expected,
                why=why,
                on_step=lambda part: on_step(f"published: {part}"),
            )
            on_step("published")
        try:
            store.prune(config.publish.keep)
        except PublishError as error:  # the build is published already
            log.warning("old versions stay: %s", error)
        on_step("pruned")
    return BuildReport(version, manifest, counts, gate)


def _write_bundle(
    folder: Path,
    catalog: Catalog,
    precision: Precision | None,
    *,
    live: Bundle | None,
    on_step: OnStep,
) -> tuple[Manifest, EmbeddingCounts]:
    """Every file of the bundle, sealed, in an empty folder."""
    config = catalog.config
    corpus = read_corpus(catalog)
    texts = corpus.recall_probes()
    popularity = catalog_popularity(catalog)
    source = resolve_model(config.encoder.model, relative_to=config.folder)
    export = cached_export(source, default_cache())
    settings = with_prompts(
        export,
        query_prompt=config.encoder.query_prompt,
        document_prompt=config.encoder.document_prompt,
    )
    encoder = batch_encoder(export, precision or config.encoder.precision)
    named = EncoderInfo.model_fields  # what vectors depend on beside the text
    identity = EncoderInfo(
        **{name: value for name, value in vars(settings).items() if name in named},
        precision=encoder.precision.value,
    )
    writer = BundleWriter(folder, n_items=catalog.n_items, embedding_dim=settings.embedding_dim)
    writer.copy_encoder(export, settings)
    on_step("encoder copied")
    writer.write_items(id_column(catalog), item_table(catalog, popularity))
    sections = {
        "titles": write_titles(folder, catalog),
        **write_words(folder, catalog, corpus),
    }
    on_step("items written")
    known = embeddings.known_vectors(live, identity, export=export) if live else None
    log.info("encoding what is new of %d documents", len(corpus))
    with tqdm(total=len(corpus), unit="doc", desc="encoding", disable=None, leave=False) as bar:
        batches, prompt = corpus.documents(batch_rows=BATCH_ROWS), settings.document_prompt
        counts = embed_corpus(
            batches, encoder, writer, prompt=prompt, live=known, on_progress=bar.update
        )
    if counts.cut:
        log.warning(
            "%d of %d documents are longer than the %d tokens that the model reads: what stands"
            " behind is found by its words, not by its meaning",
            *(counts.cut, catalog.n_items, settings.max_length),
        )
    on_step("vectors written")
    encode_queries = partial(encoder.encode, prompt=settings.query_prompt)
    retrieval = build_index(
        writer.vectors, folder, kind=config.index.type, probes=lambda: encode_queries(texts)
    )
    on_step("index written")
    sections["features"] = write_features(folder, catalog, popularity, writer.vectors)
    sections["suggestions"] = write_suggestions(folder, catalog)
    neighbours, learnt = write_neighbours(folder, catalog, writer.vectors, live=live)
    if neighbours is not None:
        sections["neighbours"] = neighbours
    on_step("neighbours written")
    sections["calibration"] = write_calibration(
        folder,
        writer.vectors,
        texts,
        encode_queries,
        identity=identity.model_dump_json(),
        live=live,
    )
    other_things = write_off_topic(
        folder,
        writer.vectors,
        texts,
        encode_queries,
        calibration=read_calibration(folder, n_items=catalog.n_items),
        identity=identity.model_dump_json(),
        live=live,
    )
    if other_things is not None:
        sections["off_topic"] = other_things
    on_step("sections written")
    manifest = writer.seal(
        catalog=CatalogInfo(name=config.name, template=corpus.template.text),
        encoder=identity,
        counts=_counts(catalog),
        popularity=_popularity_info(config, popularity),
        profiles={**config.all_profiles, **learnt, **config.profiles},
        default_profile=config.default_profile,
        **config.roles,
        reads=config.reads,
        attributes=config.display.attributes,
        retrieval=retrieval,
        sections=sections,
    )
    on_step("sealed")
    return manifest, counts


def _live_bundle(store: ArtifactStore) -> Bundle | None:
    """The live bundle if there is a sound one; a broken one is neither reused nor compared."""
    try:
        return open_bundle(store.live_folder()) if store.current() else None
    except BundleError as error:
        log.warning("the live version cannot be read: %s", error)
        return None


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
    if popularity is None or config.ratings is None:
        return None
    return PopularityInfo(
        prior_mean=popularity.prior_mean,
        prior_count=popularity.prior_count,
        prior_quantile=config.popularity.prior_quantile,
        scale=config.ratings.scale,
    )
