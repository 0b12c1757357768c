"""A build that reads what people did: likes, popularity, trends, and who was forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from indexing.catalog import read_catalog
from indexing.catalog.toml import read_catalog_config
from indexing.job import build
from shortlist.bundle.reader import Bundle, open_bundle
from shortlist.bundle.store import ArtifactStore
from shortlist.errors import CatalogError
from shortlist.events.event import Event, EventType
from shortlist.events.person import Pseudonyms
from shortlist.events.store import EventStore

Films = Callable[..., Path]
Add = Callable[..., None]

NOW = datetime(2026, 11, 1, tzinfo=UTC)
EVENTS = '[events]\nurl = "sqlite:///events.db"\n'
NO_RATINGS = (
    '[ratings]\nfile = "ratings.csv"\nitem = "movieId"\nuser = "userId"\nvalue = "rating"\n'
    'time = "timestamp"\nscale = [0.5, 5.0]\n'
)


@pytest.fixture
def catalog(films: Films) -> Path:
    """Five films with events beside their ratings."""
    path = films()
    path.write_text(path.read_text() + EVENTS)
    return path


@pytest.fixture
def add(catalog: Path) -> Iterator[Add]:
    """Adds events, (kind, item, user, days before now) each, to the catalogue's store."""
    store = EventStore.open(f"sqlite:///{catalog.parent / 'events.db'}")

    def added(*made: tuple[str, int | str, str | None, float], **more: float) -> None:
        store.append(
            [
                Event(
                    event_id=f"{kind} {item} {user} {days}",
                    type=EventType(kind),
                    item_id=item,
                    user=user,
                    at=NOW - timedelta(days=days),
                    **more,  # type: ignore[arg-type]  # a number
                )
                for kind, item, user, days in made
            ]
        )

    yield added
    store.close()


def built(catalog: Path, artifacts: Path) -> Bundle:
    build(catalog, artifacts)
    return open_bundle(ArtifactStore(artifacts).live_folder())


def test_likes_and_purchases_are_ratings_at_the_top_and_dislikes_at_the_bottom(
    catalog: Path, add: Add
) -> None:
    add(("like", 4, "zoe", 1), ("purchase", 5, "zoe", 1), ("dislike", 2, "zoe", 1))
    add(("rating", 3, "zoe", 2), value=4.0)
    add(("click", 1, "zoe", 1), ("view", 1, "zoe", 1), ("impression", 1, "zoe", 1))
    ratings = read_catalog(read_catalog_config(catalog)).ratings
    assert ratings is not None
    own = ratings.table[ratings.table["user"] == "zoe"]
    assert dict(zip(own["row"], own["value"], strict=True)) == {3: 5.0, 4: 5.0, 1: 0.5, 2: 4.0}
    assert len(ratings.table) == 5 + 4  # those of the file stay as they are


def test_a_like_loses_half_its_weight_every_half_life(catalog: Path, add: Add) -> None:
    catalog.write_text(catalog.read_text() + "half_life_days = 10\nweights = { like = 0.8 }\n")
    add(("like", 4, "zoe", 0), ("like", 5, "zoe", 20))
    ratings = read_catalog(read_catalog_config(catalog)).ratings
    assert ratings is not None
    own = ratings.table[ratings.table["user"] == "zoe"]
    assert dict(zip(own["row"], own["weight"], strict=True)) == {
        3: pytest.approx(0.8),
        4: pytest.approx(0.2),
    }
    assert set(ratings.table["weight"].iloc[:5]) == {1.0}


def test_what_people_like_together_by_events_alone_are_neighbours(
    films: Films, tmp_path: Path
) -> None:
    catalog = films((NO_RATINGS, EVENTS))
    store = EventStore.open(f"sqlite:///{catalog.parent / 'events.db'}")
    likes = [("u", 1), ("u", 4), ("v", 1), ("v", 4), ("w", 2), ("w", 3)]
    store.append(
        [
            Event(event_id=f"{user}{item}", type=EventType.LIKE, item_id=item, user=user, at=NOW)
            for user, item in likes
        ]
    )
    store.close()
    bundle = built(catalog, tmp_path / "artifacts")
    neighbours = bundle.sections.neighbours
    assert neighbours is not None
    row = bundle.ids.row_of(1)
    assert row is not None
    assert neighbours.co_liked.of(row).tolist() == [bundle.ids.row_of(4)]
    assert bundle.items.popularity is not None
    assert bundle.items.popularity.rating_count.tolist() == [2, 1, 1, 2, 0]
    assert bundle.manifest.popularity is not None
    assert bundle.manifest.popularity.scale == (0.0, 1.0)


def test_what_is_used_more_of_late_is_trending(catalog: Path, add: Add, tmp_path: Path) -> None:
    add(*[("view", 1, f"u{n}", 40) for n in range(60)])
    add(*[("view", 5, f"u{n}", 0) for n in range(60)])
    features = built(catalog, tmp_path / "artifacts").sections.features
    assert features is not None
    trending = features.columns["trending"]
    # of late 60 and 60·2^(-40/7) = 1.1; before 60 and 36.6, scaled to the same sum: 38 and 23.2
    assert trending[4] == pytest.approx((60 - 38) / (60 + 38 + 40), abs=1e-3)
    assert trending[:4].tolist() == [0.0] * 4


def test_who_was_forgotten_is_in_no_build(catalog: Path, add: Add) -> None:
    text = catalog.read_text() + 'user_key = "a key of ten letters"\n'
    catalog.write_text(text)
    keys = Pseudonyms("a key of ten letters")
    add(("like", 4, keys.of("1"), 1), ("like", 4, keys.of("zoe"), 1))
    store = EventStore.open(f"sqlite:///{catalog.parent / 'events.db'}")
    store.forget(keys.of("1"))
    store.close()
    ratings = read_catalog(read_catalog_config(catalog)).ratings
    assert ratings is not None
    # of the file's five ratings two were user 1's; zoe's like stays
    assert len(ratings.table) == 5 - 2 + 1
    assert set(ratings.table["user"]) == {keys.of("2"), keys.of("3"), keys.of("zoe")}


def test_a_build_says_nothing_of_where_events_are(catalog: Path, add: Add, tmp_path: Path) -> None:
    add(("like", 4, "zoe", 1))
    bundle = built(catalog, tmp_path / "artifacts")
    assert "events.db" not in (bundle.folder / "catalog.json").read_text()


def test_events_of_items_that_there_are_not_are_left_out(
    catalog: Path, add: Add, caplog: pytest.LogCaptureFixture
) -> None:
    add(("like", 77, "zoe", 1), ("like", 4, "zoe", 1))
    found = read_catalog(read_catalog_config(catalog))
    assert found.acts is not None
    assert found.acts.rows.tolist() == [3]
    assert "1 events of unknown items left out" in caplog.text


@pytest.mark.parametrize("url", ["sqlite:///none.db", "mysql://there", "sqlite:///"])
def test_a_store_that_cannot_be_read_stops_the_build(films: Films, url: str) -> None:
    path = films()
    path.write_text(path.read_text() + f'[events]\nurl = "{url}"\n')
    with pytest.raises(CatalogError, match="events: "):
        read_catalog(read_catalog_config(path))


def test_without_events_nothing_is_as_another(films: Films, tmp_path: Path) -> None:
    bundle = built(films(), tmp_path / "artifacts")
    assert bundle.sections.features is not None
    assert "trending" not in bundle.sections.features.columns
    assert bundle.items.popularity is not None
    assert np.all(bundle.items.popularity.rating_count == [3, 1, 1, 0, 0])
