"""Whether an answer says so when nothing in the catalogue is about the query."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from indexing.catalog.config import CatalogConfig
from indexing.catalog.tables import read_table
from shortlist.engine.query import SearchQuery
from shortlist.engine.search import ask
from shortlist.engine.snapshot import Snapshot
from shortlist.errors import CatalogError


@dataclass(frozen=True)
class OffTopic:
    """How well `no_good_match` tells queries apart that have nothing to do with the catalogue.

    `precision` is the share of off-topic queries among those it was said of, `recall` the share
    of the off-topic queries it was said of; `area` is the chance that an on-topic query is more
    unusual than an off-topic one (the area under the ROC curve), whatever the threshold.
    """

    n_on_topic: int
    n_off_topic: int
    precision: float
    recall: float
    area: float


def off_topic(snapshot: Snapshot, config: CatalogConfig) -> OffTopic | None:
    """Ask every query of the catalogue's topics file; None for a catalogue without one.

    Raises CatalogError for a file without both kinds or with another value than 0 and 1.
    """
    wanted = config.evaluation.topics
    if wanted is None:
        return None
    table = read_table(config.folder / wanted, ["query", "on_topic"]).astype("str")
    values = table["on_topic"].str.strip()
    if not values.isin(["0", "1"]).all() or values.nunique() != 2:
        raise CatalogError(f"{config.folder / wanted}: on_topic: expected 0 and 1, both of them")
    on_topic = (values == "1").to_numpy(dtype=bool)
    answers = [ask(snapshot, SearchQuery(q=text, k=1)) for text in table["query"].tolist()]
    said = np.array([bool(answer.no_good_match) for answer in answers])
    matches = [answer.best_match for answer in answers]
    unusual = np.array([match["unusualness_of_ten"] if match else 0.0 for match in matches])
    above = unusual[on_topic][:, None] - unusual[~on_topic][None, :]
    return OffTopic(
        n_on_topic=int(on_topic.sum()),
        n_off_topic=int((~on_topic).sum()),
        precision=float((said & ~on_topic).sum() / max(1, said.sum())),
        recall=float((said & ~on_topic).sum() / (~on_topic).sum()),
        area=float((above > 0).mean() + (above == 0).mean() / 2),
    )
