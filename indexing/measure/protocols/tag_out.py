"""Leave tag out: whether items are found that people gave a tag, once the tag is gone."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from indexing.catalog import Catalog
from indexing.documents import Corpus
from indexing.measure.protocols.in_place import carriers_of_tags
from indexing.measure.topic import SEED, Overlay, Protocol, Topic, is_held_out
from indexing.words import index_words, word_fields
from shortlist.bundle.arrays import RowArray

NAME = "leave tag out"
LEAST_CARRIERS = 3
MAX_TAGS = 1000


def leave_tag_out(
    catalog: Catalog, corpus: Corpus, *, least_carriers: int = LEAST_CARRIERS
) -> Protocol:
    """One topic a tag (stripped, case-folded) that at least three items carry.

    The tag is the query, its carriers are relevant, and in the documents of those carriers the
    tag does not stand. Of more than 1,000 tags a seeded draw is taken.
    """
    if catalog.tags is None:
        return Protocol(NAME, skipped="the catalogue has no [tags]")
    carriers = carriers_of_tags(catalog, least=least_carriers)
    usable = list(carriers)
    if not usable:
        return Protocol(NAME, skipped=f"no tag is carried by {least_carriers} items or more")
    rng = np.random.default_rng(SEED)
    drawn = sorted(rng.permutation(len(usable))[:MAX_TAGS].tolist())
    without = _Without(catalog, corpus)
    return Protocol(
        NAME, tuple(without.topic(usable[place], carriers[usable[place]]) for place in drawn)
    )


class _Without:
    """Topics of one catalogue, whose documents are rendered and indexed again without a tag."""

    def __init__(self, catalog: Catalog, corpus: Corpus) -> None:
        assert catalog.tags is not None
        self._corpus = corpus
        self._fields = word_fields(catalog, corpus)
        self._language = catalog.config.words.language

    def topic(self, tag: str, rows: RowArray) -> Topic:
        """In the documents are the items' tags in file order but every spelling of this one."""
        chosen = pa.array(rows)
        fields = {name: column.take(chosen) for name, column in self._fields.items()}
        others = [
            [one for one in tags if one.strip().casefold() != tag]
            for tags in fields["tags"].to_pylist()
        ]
        fields["tags"] = pa.array(others, fields["tags"].type)
        overlay = Overlay(
            rows=rows,
            documents=tuple(
                self._corpus.document_of(row, tags=" ".join(tags))
                for row, tags in zip(rows.tolist(), others, strict=True)
            ),
            words=index_words(fields, range(len(rows)), language=self._language),
        )
        return Topic(
            id=f"tag:{tag}",
            text=tag,
            relevant=rows,
            kind="tag",
            held_out=is_held_out("tag", tag),
            overlay=overlay,
        )
