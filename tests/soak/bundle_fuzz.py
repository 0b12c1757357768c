"""python -m tests.soak.bundle_fuzz SOUND SCRATCH FIRST LAST: spoilt bundles, opened and asked.

SOUND is a published version. Each case from FIRST to LAST (excluded) is a copy of it, spoilt as its
number says and sealed again, so that every checksum is right. Printed is `begin N`, and then
`refused N`, `answered N` or `wrong N` with what is wrong.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from shortlist.bundle import layout
from shortlist.encoder.machine import Precision
from shortlist.engine.answer import Answer
from shortlist.engine.batch import ask_many
from shortlist.engine.overview import overview
from shortlist.engine.query import (
    PopularQuery,
    RecommendQuery,
    SearchQuery,
    SimilarQuery,
    SuggestQuery,
)
from shortlist.engine.query_reading import read_query
from shortlist.engine.search import ask, item
from shortlist.engine.shown import Listing
from shortlist.engine.snapshot import LoadOptions, Snapshot, load_snapshot
from shortlist.engine.suggest import suggest
from shortlist.errors import BundleError, QueryError
from tests.publishing import INDEX, sealed
from tests.soak.bundle_mutations import Rng, other_index, other_manifest, spoil

SEED = 20261125
SPARE_BYTES = 3 << 30
OPTIONS = LoadOptions(precision=Precision.F32, query_cache=64)
TEXTS = ("robot dawn", "comedy", "kitchen", "a love that is deep", "zzz")


def main(sound: Path, scratch: Path, first: int, last: int) -> None:
    """Run these cases, one line each."""
    known = load_snapshot(sound, OPTIONS)
    limit_memory()
    for number in range(first, last):
        print(f"begin {number}", flush=True)
        print(*run(known, scratch, number), flush=True)


def limit_memory() -> None:
    """An allocation of more than 3 GB fails from now on."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + SPARE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def run(known: Snapshot, scratch: Path, number: int) -> tuple[str, int, str]:
    """What became of one case: its verdict, its number and what is wrong."""
    folder, damage = spoilt(known, scratch, np.random.default_rng([SEED, number]))
    try:
        snapshot = load_snapshot(folder, OPTIONS, sharing=known)
        ask_everything(snapshot)
    except BundleError as error:
        return "refused", number, f"{damage}: {error}".replace("\n", " ")
    except Exception:
        return "wrong", number, f"{damage}: {traceback.format_exc()!r}"
    finally:
        shutil.rmtree(folder)
    return "answered", number, damage


def spoilt(known: Snapshot, scratch: Path, rng: Rng) -> tuple[Path, str]:
    """A copy of a bundle with one to three of its parts spoilt; what was spoilt."""
    sound, contents, damages = known.bundle.folder, dict[str, bytes](), list[str]()
    manifest = json.loads((sound / layout.MANIFEST).read_bytes())
    names = [name for name in manifest["files"] if not name.startswith(f"{layout.ENCODER}/")]
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        kind = rng.random()
        if kind < 0.15:
            other_manifest(manifest, rng)
            damages.append("manifest")
        elif kind < 0.35:
            contents[INDEX], said = other_index(known.bundle.vectors[:], rng)
            with suppress(TypeError, LookupError, AttributeError):  # where it is spoilt already
                manifest["segments"][0]["retrieval"].update(said)
            damages.append(said["type"])
        else:
            name = names[rng.integers(len(names))]
            contents[name] = spoil(name, (sound / name).read_bytes(), rng)
            damages.append(name)
    return sealed(sound, scratch, manifest, contents), "+".join(damages)


def ask_everything(snapshot: Snapshot) -> None:
    """Ask a query of every kind. Raises AssertionError for an answer that cannot be right."""
    for question in questions(snapshot):
        try:
            found = question()
        except QueryError:
            continue
        for one in found if isinstance(found, list) else [found]:
            if not isinstance(one, QueryError):
                check(snapshot, one)


def questions(snapshot: Snapshot) -> Iterator[Callable[[], Any]]:
    """One of each kind of query, and of what it can ask for."""
    ids = snapshot.bundle.ids
    first, last = ids.id_of(0), ids.id_of(snapshot.bundle.n_items - 1)
    whole = {"k": 5, "explain": True, "facets": ("categories", "year"), "diversity": 0.3}
    filters = {"categories": {"any": ("Comedy", "Sci-Fi")}, "ranges": {"year": {"min": 1990}}}
    rated = {"min_rating_count": 1, "min_mean_rating": 1.0, "exclude_ids": (first,)}

    def of(model: Any, **values: Any) -> Callable[[], Any]:
        return lambda: ask(snapshot, read_query(model, values))

    for text in TEXTS:
        yield of(SearchQuery, q=text, **whole)
        yield lambda text=text: suggest(snapshot, read_query(SuggestQuery, {"q": text[:4], "k": 9}))
    yield of(SearchQuery, q=TEXTS[0], k=40, n_candidates=1000, filters=filters)
    yield of(SearchQuery, q="", filters=rated)
    yield of(SearchQuery, q=TEXTS[1], filters=rated, min_score=0.1)
    words = {"words": 1.0, "coverage": 1.0}
    yield of(SearchQuery, q=TEXTS[3], weights=words, highlights=True, **whole)
    yield of(SearchQuery, q=f'"{TEXTS[0]}" {TEXTS[1]} -kitchen', highlights=True)
    yield lambda: following(snapshot)
    for item_id in (first, last):
        yield of(SimilarQuery, item_id=item_id, **whole)
        yield lambda item_id=item_id: item(snapshot, item_id)
    liked = ({"item_id": first, "rating": 4.5}, last)
    yield of(RecommendQuery, liked=liked, text=TEXTS[0], **whole)
    yield of(RecommendQuery, liked=(last,), disliked=(first,))
    yield of(PopularQuery, k=10, facets=("categories", "length"))
    batch = [read_query(SearchQuery, {"q": text}) for text in ("", *TEXTS)]
    yield lambda: ask_many(snapshot, batch)
    yield lambda: overview(snapshot)


def following(snapshot: Snapshot) -> Answer:
    """The second page of a list."""
    values = {"q": TEXTS[2], "k": 2}
    page = ask(snapshot, read_query(SearchQuery, values))
    return ask(snapshot, read_query(SearchQuery, {**values, "cursor": page.next}))


def check(snapshot: Snapshot, found: Any) -> None:
    """Finite numbers, known ids, at most k results, scores that fall."""
    json.dumps(found, allow_nan=False, default=vars)
    entries = found.entries() if isinstance(found, Listing) else []
    ids = [one.item_id for one in entries if one.item_id is not None]  # a label has none
    assert len(set(ids)) == len(ids), f"twice in an answer: {ids}"
    assert all(snapshot.bundle.ids.row_of(one) is not None for one in ids), f"unknown: {ids}"
    if isinstance(found, Answer):
        assert len(entries) <= found.k
    scores = [one.score for one in entries]
    # Those that ask for explanations ask for variety too, which moves items.
    if not any(getattr(one, "explanation", None) for one in entries):
        assert scores == sorted(scores, reverse=True), f"scores do not fall: {scores}"


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    np.seterr(all="ignore")
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
