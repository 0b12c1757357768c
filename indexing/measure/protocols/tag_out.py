"""Leave tag out: whether items are found that people gave a tag, once the tag is gone."""

from __future__ import annotations

import numpy as np
import pandas as pd

from indexing.catalog import Catalog
from indexing.documents import Corpus
from indexing.measure.topic import SEED, Overlay, Protocol, Topic, is_held_out
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
    tags = catalog.tags.table.assign(folded=catalog.tags.table["tag"].str.strip().str.casefold())
    by_tag = tags.groupby("folded")["row"]
    carriers = {str(tag): np.unique(rows.to_numpy(np.int64)) for tag, rows in by_tag}
    usable = sorted(tag for tag, rows in carriers.items() if tag and len(rows) >= least_carriers)
    if not usable:
        return Protocol(NAME, skipped=f"no tag is carried by {least_carriers} items or more")
    rng = np.random.default_rng(SEED)
    drawn = sorted(rng.permutation(len(usable))[:MAX_TAGS].tolist())
    by_row = {row: tags.loc[places] for row, places in tags.groupby("row").groups.items()}
    topics = [_topic(corpus, usable[place], carriers[usable[place]], by_row) for place in drawn]
    return Protocol(NAME, tuple(topics))


def _topic(corpus: Corpus, tag: str, rows: RowArray, by_row: dict[object, pd.DataFrame]) -> Topic:
    """In the documents are the items' tags in file order but every spelling of this one."""
    others = [by_row[row].loc[by_row[row]["folded"] != tag, "tag"] for row in rows.tolist()]
    documents = tuple(
        corpus.document_of(row, tags=" ".join(tags))
        for row, tags in zip(rows.tolist(), others, strict=True)
    )
    overlay, held_out = Overlay(rows, documents), is_held_out("tag", tag)
    return Topic(
        id=f"tag:{tag}", text=tag, relevant=rows, kind="tag", held_out=held_out, overlay=overlay
    )
