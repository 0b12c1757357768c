"""What the live version offers, in one answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from flask.testing import FlaskClient

from shortlist.bundle.sections import Sections
from shortlist.engine.overview import overview
from shortlist.engine.snapshot import Snapshot


def test_it_names_profiles_features_and_scale(sample_client: FlaskClient) -> None:
    body = sample_client.get("/v1/catalog").get_json()
    assert (body["name"], body["items"]) == ("sample-films", 1350)
    assert body["index_version"] == sample_client.get("/readyz").get_json()["version"]
    assert list(body["profiles"]) == [
        "notebook",
        "related",
        "similarity",
        "standard",
        "steered",
        "taste",
        "tuned",
    ]
    assert body["profiles"]["notebook"] == {
        "n_candidates": 50, "n_popular": 0, "n_neighbours": 200, "n_words": 100,
        "weights": {"similarity": 0.7, "popularity": 0.3},
    }  # fmt: skip
    roles = [body[f"{one}_profile"] for one in ("default", "similar", "recommend", "steered")]
    assert roles == ["notebook", "related", "taste", "steered"]
    assert body["taste_features"] == ["text_similarity", "collaborative", "co_liked"]
    assert body["features"][:2] == ["similarity", "words"]
    assert not set(body["features"]) & set(body["taste_features"])
    assert body["rating_scale"] == [0.5, 5.0]


def test_its_facets_count_every_item_that_is_not_blocked(sample_snapshot: Snapshot) -> None:
    whole = overview(sample_snapshot)
    (years,) = whole.facets.histograms
    assert sum(one.count for one in years.bins) + years.missing == 1350
    blocked = replace(sample_snapshot, blocked_rows=np.arange(10))
    (fewer,) = overview(blocked).facets.histograms
    assert sum(one.count for one in fewer.bins) + fewer.missing == 1340


def test_a_bundle_without_sections_offers_less(sample_snapshot: Snapshot) -> None:
    bare = replace(sample_snapshot, bundle=replace(sample_snapshot.bundle, sections=Sections()))
    found = overview(bare)
    assert found.features == ["similarity", "popularity"]
    assert found.taste_features == ["text_similarity"]


def test_it_takes_no_parameters(sample_client: FlaskClient) -> None:
    assert sample_client.get("/v1/catalog?x=1").status_code == 422


def test_without_a_bundle_it_is_not_ready(
    client_of: Callable[[Path], FlaskClient], tmp_path: Path
) -> None:
    assert client_of(tmp_path).get("/v1/catalog").status_code == 503
