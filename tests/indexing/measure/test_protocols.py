"""What the protocols ask, and which half a query belongs to."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from indexing.catalog import read_catalog
from indexing.catalog.toml import read_catalog_config
from indexing.documents import read_corpus
from indexing.measure.protocols import known_item as known
from indexing.measure.protocols.known_item import known_item
from indexing.measure.protocols.tag_out import leave_tag_out
from indexing.measure.topic import is_held_out

RNG = random.Random(3)


def test_the_split_is_about_even_and_never_changes() -> None:
    held = [key for key in map(str, range(2000)) if is_held_out("item", key)]
    assert 900 < len(held) < 1100
    assert held[:5] == ["1", "2", "5", "10", "11"]
    as_tags = [key for key in map(str, range(2000)) if is_held_out("tag", key)]
    assert as_tags != held, "tags and items are split apart from each other"


@pytest.mark.parametrize("text", ["The Matrix", "Up", "A B", "Se7en 2"])
def test_a_typing_mistake_is_exactly_one(text: str) -> None:
    for _ in range(20):
        dropped = known.drop(text, RNG)
        doubled = known.double(text, RNG)
        replaced = known.replace(text, RNG)
        assert dropped is not None
        assert doubled is not None
        assert replaced is not None
        assert len(dropped) == len(text) - 1
        assert len(doubled) == len(text) + 1
        assert sum(one != other for one, other in zip(text, replaced, strict=True)) == 1
        swapped = known.swap(text, RNG)
        if swapped is not None:
            assert swapped != text
            assert sorted(swapped) == sorted(text)


def test_what_cannot_be_misspelt_gives_no_topic() -> None:
    assert known.swap("A1", RNG) is None
    assert known.drop("1", RNG) is None
    assert known.missing_word("Toy Story", RNG) is None
    assert known.prefix("Heat", RNG) is None


def test_a_prefix_is_seven_tenths_of_the_letters_and_at_least_four() -> None:
    assert known.prefix("Toy Story 2", RNG) == "Toy Sto"  # int(11 * 0.7) = 7
    assert known.prefix("Alien", RNG) == "Alie"


def test_items_whose_titles_read_alike_answer_for_each_other() -> None:
    protocol = known_item(["Hamlet (1990)", "HAMLET (1948)", "Amélie"], [11, 12, 13])
    exact = {
        topic.id: topic.relevant.tolist() for topic in protocol.topics if topic.kind == "exact"
    }
    assert exact == {"exact:11": [0, 1], "exact:12": [0, 1], "exact:13": [2]}
    accented = [topic.text for topic in protocol.topics if topic.kind == "no diacritics"]
    assert accented == ["Amelie"]


def test_equal_catalogues_are_asked_equal_questions() -> None:
    titles, ids = [f"Film number {n} (2000)" for n in range(50)], list(range(50))
    one, other = known_item(titles, ids), known_item(titles, ids)
    assert [(topic.id, topic.text) for topic in one.topics] == [
        (topic.id, topic.text) for topic in other.topics
    ]


def test_a_catalogue_of_titles_without_letters_is_skipped_and_says_why() -> None:
    protocol = known_item(["???"], [1])
    assert (protocol.topics, protocol.skipped) == (
        (),
        "no item has a title with letters or digits",
    )


TAGS = """userId,movieId,tag,timestamp
1,1,Space,1
1,2,space ,2
2,3,SPACE,3
2,1,lonely,4
3,4,lonely,5
"""


def test_a_tag_is_folded_taken_out_of_every_document_and_asked_for(
    write_catalog: Callable[..., Path],
) -> None:
    catalog = read_catalog(read_catalog_config(write_catalog(tags=TAGS)))
    protocol = leave_tag_out(catalog, read_corpus(catalog))
    (topic,) = protocol.topics
    assert (topic.id, topic.text, topic.relevant.tolist()) == ("tag:space", "space", [0, 1, 2])
    assert topic.overlay.rows.tolist() == [0, 1, 2]
    first, second, third = topic.overlay.documents
    assert first.endswith("lonely")
    assert not any("space" in text.lower() for text in (first, second, third))


def test_a_catalogue_with_too_few_tags_is_skipped_and_says_why(
    write_catalog: Callable[..., Path],
) -> None:
    catalog = read_catalog(read_catalog_config(write_catalog()))
    assert leave_tag_out(catalog, read_corpus(catalog), least_carriers=99).skipped == (
        "no tag is carried by 99 items or more"
    )


def test_rows_of_a_topic_are_whole_numbers() -> None:
    assert known_item(["Heat"], [1]).topics[0].relevant.dtype == np.int64
