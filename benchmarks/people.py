"""People who search, look at places less the lower they are, and click on what suits them.

Their tastes are likes that the rankings have not learnt from. What is better is known exactly: the
expected number of clicks on a list follows from the model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from indexing.catalog import Catalog
from indexing.measure.learnt import learn_from
from indexing.measure.protocols.steered import steering_texts
from indexing.measure.protocols.tastes import others_by_fold
from indexing.neighbours.likes import latest_ratings
from indexing.neighbours.section import liked_from
from shortlist.bundle.arrays import FloatArray, RowArray
from shortlist.engine.interleaving import NO_TEAM, team_draft
from shortlist.engine.query import SearchQuery
from shortlist.engine.search import ranked
from shortlist.engine.snapshot import Snapshot

SHOWN, DEPTH = 10, 20
MOST_TEXTS = 40
STEEPNESS = 1.0
ATTRACTED = {"neither": 0.02, "carried": 0.10, "liked": 0.35, "both": 0.70}
"""How likely somebody who looks at an item clicks on it: it carries what was asked for, it is liked
by who asks, neither, or both."""

_PATTERNS = 64
_SEARCHES_EACH = 4
SEED = 20261129


@dataclass(frozen=True)
class World:
    """What can be asked, by whom, what suits them, and what each profile shows.

    `texts` [t] are asked by users [u]; `asks` int64 [p, 2], rising, are the users and texts that
    belong together. `liked` bool [u, n], `carried` bool [t, n] over the items' rows. `lists` has by
    the name of a ranking the first rows for each text, int64 [t, 20].
    """

    texts: tuple[str, ...]
    asks: RowArray
    liked: np.ndarray
    carried: np.ndarray
    lists: Mapping[str, RowArray]

    def attraction(self, users: RowArray, texts: RowArray, rows: RowArray) -> FloatArray:
        """How likely a click is where it is looked at: float64, of rows [m, k] for users [m]."""
        liked, carried = self.liked[users[:, None], rows], self.carried[texts[:, None], rows]
        likely = np.array(list(ATTRACTED.values()))
        return np.asarray(likely[carried + 2 * liked])

    def clicks(self, profile: str) -> float:
        """The expected clicks a search on the first ten of a profile: the truth."""
        users, texts = self.asks.T
        rows = self.lists[profile][texts, :SHOWN]
        return float((looks(SHOWN) * self.attraction(users, texts, rows)).sum(axis=1).mean())

    @cached_property
    def _first_ask(self) -> RowArray:
        return np.searchsorted(self.asks[:, 0], np.arange(len(self.liked) + 1))

    def traffic(self, n: int, rng: np.random.Generator) -> Traffic:
        """So many searches of people with somebody's taste, four each on average, all mixed up."""
        sizes = rng.geometric(1 / _SEARCHES_EACH, n)
        people = rng.permutation(np.repeat(np.arange(n), sizes)[:n])
        asking = np.flatnonzero(np.diff(self._first_ask))
        users = rng.choice(asking, n)[people]
        begin, end = self._first_ask[users], self._first_ask[users + 1]
        texts = self.asks[begin + (rng.random(n) * (end - begin)).astype(np.int64), 1]
        return Traffic(people, users, texts)


@dataclass(frozen=True)
class Traffic:
    """Searches: who asks, with whose taste, for which text; int64 [n] each."""

    people: RowArray
    users: RowArray
    texts: RowArray


@dataclass(frozen=True)
class Drafts:
    """Every text's lists drafted from two profiles, by ways that coins may fall.

    `rows` and `teams` int64 [t, 64, k].
    """

    rows: RowArray
    teams: RowArray


def looks(depth: int) -> FloatArray:
    """The share of people who look at each place: one by its number."""
    return np.asarray(np.arange(1, depth + 1) ** -STEEPNESS)


def drafts(first: RowArray, second: RowArray, *, k: int) -> Drafts:
    """The engine's own drafts of the lists of each text, by 64 ways that coins fall."""
    rng = np.random.default_rng(SEED)
    n_coins = k // 2 + 1
    ways = np.arange(_PATTERNS)[:, None] >> np.arange(n_coins) & 1 == 1
    if 2**n_coins > _PATTERNS:
        ways = rng.random((_PATTERNS, n_coins)) < 0.5
    made = [
        [team_draft(one, other, tossed=tossed, n=k) for tossed in ways]
        for one, other in zip(first, second, strict=True)
    ]
    return Drafts(
        np.array([[each.rows for each in of_text] for of_text in made]),
        np.array([[each.teams for each in of_text] for of_text in made]),
    )


def clicked(world: World, traffic: Traffic, rows: RowArray, rng: np.random.Generator) -> np.ndarray:
    """What is clicked of the rows shown (int64 [n, k]), bool [n, k]."""
    likely = world.attraction(traffic.users, traffic.texts, rows) * looks(rows.shape[1])
    return np.asarray(rng.random(rows.shape) < likely)


def drafted(
    world: World, traffic: Traffic, made: Drafts, rng: np.random.Generator
) -> tuple[RowArray, RowArray]:
    """How many more items of the second side than of the first were clicked, and how many of all.

    int64 [n] each. Coins fall once for a person and a text.
    """
    key = traffic.people.astype(np.uint64) * np.uint64(1_000_003) + traffic.texts.astype(np.uint64)
    mixed = (key + np.uint64(rng.integers(2**32))) * np.uint64(0x9E3779B97F4A7C15)
    way = (mixed >> np.uint64(58)).astype(np.int64)
    rows, teams = made.rows[traffic.texts, way], made.teams[traffic.texts, way]
    on = clicked(world, traffic, rows, rng)
    gained = (on & (teams == 1)).sum(axis=1) - (on & (teams == 0)).sum(axis=1)
    return gained, (on & (teams != NO_TEAM)).sum(axis=1)


def known_ratings(catalog: Catalog, *, young: bool = False) -> pd.DataFrame:
    """The ratings that versions know, of four users in five; of one where a catalogue is young."""
    assert catalog.ratings is not None
    ratings = latest_ratings(catalog.ratings.table)
    others = others_by_fold(ratings)[0]
    return ratings[~ratings.index.isin(others.index)] if young else others


def world_of(
    snapshot: Snapshot,
    catalog: Catalog,
    rankings: Mapping[str, Mapping[str, Any]],
    *,
    young: bool = False,
) -> World:
    """The users whose ratings are not known, and lists that know nothing of them.

    `rankings` are the options of a search, by what they are called.
    """
    assert catalog.ratings is not None
    ratings = latest_ratings(catalog.ratings.table)
    known = known_ratings(catalog, young=young)
    learnt = learn_from(snapshot, catalog, known).snapshot
    liking = ratings[(ratings["value"] >= liked_from(catalog)) & ~ratings.index.isin(known.index)]
    users, names = np.unique(liking["user"].to_numpy(dtype=object).astype("U"), return_inverse=True)
    liked = np.zeros((len(names), catalog.n_items), np.bool_)[: len(users)]
    liked[names, liking["row"].to_numpy(np.int64)] = True
    carriers = {
        key.partition(":")[2]: rows for key, rows in sorted(steering_texts(catalog).items())
    }
    carried = np.zeros((len(carriers), catalog.n_items), np.bool_)
    for number, rows in enumerate(carriers.values()):
        carried[number, rows] = True
    texts = list(carriers)
    lists = {name: _first_rows(learnt, texts, options) for name, options in rankings.items()}
    return World(tuple(texts), _asks(liked, carried), liked, carried, lists)


def _asks(liked: np.ndarray, carried: np.ndarray) -> RowArray:
    """Up to 40 texts of each user, drawn among those that something liked carries."""
    rng = np.random.default_rng(SEED)
    found = []
    for user, own in enumerate(liked):
        texts = np.flatnonzero((carried & own).any(axis=1))
        drawn = np.sort(rng.permutation(texts)[:MOST_TEXTS])
        found.append(np.stack([np.full(len(drawn), user), drawn], axis=1))
    return np.concatenate(found)


def _first_rows(snapshot: Snapshot, texts: Sequence[str], options: Mapping[str, Any]) -> RowArray:
    pools = (ranked(snapshot, SearchQuery(q=text, **options)) for text in texts)
    return np.array([pool.rows[pool.order][:DEPTH] for pool in pools])
