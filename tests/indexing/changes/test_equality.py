"""After any changes in any grouping, answers are those of a build from scratch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from indexing import arrangement
from indexing.changing.publisher import Publisher
from indexing.job import build
from shortlist.bundle.changes import Change, change_of, problems_of
from shortlist.bundle.store import ArtifactStore
from shortlist.encoder.runtime import Encoder
from shortlist.engine.query import PopularQuery, SearchQuery, SimilarQuery, SuggestQuery
from shortlist.engine.search import ask
from shortlist.engine.snapshot import Snapshot, load_snapshot
from shortlist.engine.suggest import suggest
from tests.indexing.changes.goods import START, WORDS, Item, write
from tests.publishing import OPTIONS

texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)
some = st.lists(st.sampled_from(["A", "B", "C c"]), unique=True, max_size=2)
values = {
    "name": texts,
    "kinds": some,
    "about": texts,
    "price": st.sampled_from([1, 2.5, 10, None]),
    "colours": some,
    "maker": st.sampled_from(["Acme", "Boll", None]),
    "added": st.sampled_from(["2024-05-01", "2025-01-01T10:00:00Z", None]),
    "tags": st.lists(st.sampled_from(["shiny", "red", "for kids"]), max_size=2),
}
ids = st.sampled_from([f"s{n}" for n in range(8)])
upsert = st.builds(
    lambda item_id, item: {"op": "upsert", "item": {"sku": item_id, **item}},
    ids,
    st.fixed_dictionaries(values),
)


def one_of_them(name: str) -> st.SearchStrategy[Item]:
    return st.fixed_dictionaries({name: values[name]})


patch = st.builds(
    lambda item_id, part: {"op": "patch", "item_id": item_id, "set": part},
    ids,
    st.sampled_from(sorted(values)).flatmap(
        lambda name: st.fixed_dictionaries({name: values[name]})
    ),
)
delete = st.builds(lambda item_id: {"op": "delete", "item_id": item_id}, ids)
histories = st.lists(
    st.lists(st.one_of(upsert, upsert, patch, delete), min_size=1, max_size=5),
    min_size=1,
    max_size=4,
)


def changed(items: dict[str, Item], raw: dict[str, Any]) -> bool:
    """Change the items as a dictionary would be; whether it can be done."""
    if raw["op"] == "upsert":
        items[raw["item"]["sku"]] = {k: v for k, v in raw["item"].items() if k != "sku"}
    elif raw["op"] == "delete":
        items.pop(raw["item_id"], None)
    elif raw["item_id"] in items:
        items[raw["item_id"]] = {**items[raw["item_id"]], **raw["set"]}
    else:
        return False
    return True


@contextmanager
def one_by_one() -> Iterator[None]:
    """Every text is encoded alone: a vector does not depend on those beside it."""

    def alone(self: Encoder, texts: Sequence[str], **how: Any) -> np.ndarray:
        found = [encode(self, [text], **how) for text in texts]
        return np.concatenate([*found, np.empty((0, self.embedding_dim), np.float32)])

    encode = Encoder.encode
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Encoder, "encode", alone)
        patched.setattr(arrangement, "OPEN_UP_TO", 3)
        patched.setattr(arrangement, "TIER", 2)
        yield


def answers(snapshot: Snapshot) -> dict[str, Any]:
    """What a version answers, without what only a build learns of the whole catalogue."""
    counts = snapshot.bundle.manifest.counts
    found: dict[str, Any] = {"counts": [counts.items, counts.tags, counts.ratings]}
    weights = {"words": 1.0, "coverage": 0.5, "labels": 0.5, "title_match": 1.0, "recency": 0.1}
    for text in ("robot", "the old robot", "x200", "garden lamp", "for kids", "rob"):
        query = SearchQuery(q=text, k=20, weights=weights, highlights=True)
        found[f"search {text}"] = [asdict(one) for one in ask(snapshot, query).results]
        typed = suggest(snapshot, SuggestQuery(q=text, k=20)).suggestions
        found[f"suggest {text}"] = [asdict(one) for one in typed]
    for query in (
        SearchQuery.model_validate({"q": '"red lamp" -story', "k": 20}),
        SearchQuery.model_validate(
            {"q": "robot", "filters": {"attributes": {"any": {"colours": ["A"]}}}, "k": 20}
        ),
        PopularQuery.model_validate(
            {"k": 20, "sort": ["price"], "facets": ["categories", "maker"]}
        ),
    ):
        answer = ask(snapshot, query)
        found[str(query)] = [asdict(one) for one in answer.results]
        found[f"facets {query}"] = answer.facets
    for row in range(snapshot.bundle.n_items):
        item_id = snapshot.bundle.ids.id_of(row)
        similar = SimilarQuery(item_id=item_id, k=20, weights={"words": 1.0}, highlights=True)
        listed = [asdict(one) for one in ask(snapshot, similar).results]
        for one in listed:  # a word may be written as in any document: which of them is open
            one["highlights"] = [each["field"] for each in one["highlights"]]
        found[f"similar {item_id}"] = listed
    return found


def difference(one: Any, other: Any, where: str = "") -> str | None:
    """Where two answers differ first, numbers compared to six digits; None if nowhere."""
    if isinstance(one, float) and isinstance(other, float):
        return None if one == pytest.approx(other, abs=1e-6) else f"{where}: {one} {other}"
    if isinstance(one, dict) and isinstance(other, dict) and list(one) == list(other):
        found = (difference(one[key], other[key], f"{where}.{key}") for key in one)
        return next(filter(None, found), None)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        found = (difference(*pair, f"{where}[{place}]") for place, pair in pairs)
        return next(filter(None, found), None)
    return None if one == other else f"{where}: {one!r} {other!r}"


@pytest.fixture(scope="module", params=[False, True], ids=["without ratings", "with ratings"])
def checked(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    tiny_model: Path,
    tiny_export: Path,
) -> Callable[[list[list[dict[str, Any]]]], None]:
    """Publishes histories of changes over one start, and compares them with a build."""
    home = tmp_path_factory.mktemp("goods")
    path = write(home / "start", tiny_model, START, rated=request.param)

    def check(history: list[list[dict[str, Any]]]) -> None:
        scratch = Path(tmp_path_factory.mktemp("case"))
        with one_by_one():
            build(path, scratch / "changed")
            store, items = ArtifactStore(scratch / "changed"), dict(START)
            publisher = Publisher(store)
            for number, raws in enumerate(history, 1):
                made = [raw for raw in raws if changed(items, raw)]
                intake = publisher.target().intake
                assert [problems_of(intake, raw) for raw in made] == [{}] * len(made)
                changes: list[Change] = [change_of(intake, raw) for raw in made]
                with store.lock():
                    publisher.publish(changes, applied={"file": number}, why="test", force=True)
            gone = {raw["item_id"] for raws in history for raw in raws if raw["op"] == "delete"}
            fresh = write(scratch / "fresh", tiny_model, items, rated=request.param, left=gone)
            build(fresh, scratch / "built")
            one, other = (
                answers(load_snapshot(ArtifactStore(scratch / name).live_folder(), OPTIONS))
                for name in ("changed", "built")
            )
        assert difference(one, other) is None

    return check


@settings(
    max_examples=6,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # one example takes seconds
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(history=histories)
def test_answers_are_those_of_a_build_from_scratch(
    checked: Callable[[list[list[dict[str, Any]]]], None], history: list[list[dict[str, Any]]]
) -> None:
    checked(history)
