"""Words in place, words taken out, and texts beside a taste."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from indexing.catalog.arrow_values import TEXTS
from indexing.catalog.events import tags_by_row
from indexing.measure.evaluate import Subject
from indexing.measure.overlay import with_documents
from indexing.measure.protocols.in_place import (
    CATEGORY,
    KINDS,
    PAIR,
    TAG,
    carriers_of_tags,
    words_in_place,
)
from indexing.measure.protocols.steered import steered, steering_texts
from indexing.measure.protocols.tag_out import leave_tag_out
from indexing.words import index_words, word_fields
from shortlist.engine.lanes.asked import ask_words
from shortlist.engine.lanes.words import find_words, score_words
from tests.fields import in_order


def test_topics_are_tags_categories_and_pairs_that_enough_items_carry(subject: Subject) -> None:
    topics = words_in_place(subject.catalog).topics
    assert {topic.kind for topic in topics} == set(KINDS)
    categories = subject.catalog.items.categories
    tags_of = tags_by_row(subject.catalog.tags.table, subject.catalog.n_items).to_pylist()
    for topic in topics[:: len(topics) // 40]:
        assert len(topic.relevant) >= 5
        for row in topic.relevant[:3].tolist():
            own = {tag.strip().casefold() for tag in tags_of[row]}
            names = [categories.names[code] for code in categories.lists.of(row)]
            if topic.kind == TAG:
                assert topic.text in own
            if topic.kind == CATEGORY:
                assert topic.text in names
            if topic.kind == PAIR:
                assert any(topic.text == f"{tag} {name}" for tag in own for name in names)


def test_a_pair_is_held_out_with_its_tag(subject: Subject) -> None:
    topics = words_in_place(subject.catalog).topics
    held_out = {topic.text: topic.held_out for topic in topics if topic.kind == TAG}
    tags = sorted(held_out, key=len, reverse=True)
    names = subject.catalog.items.categories.names
    for topic in topics:
        if topic.kind == PAIR:
            (tag,) = {tag for tag in tags for name in names if topic.text == f"{tag} {name}"}
            assert topic.held_out is held_out[tag]


def test_a_tag_taken_out_stands_in_no_word_index_either(subject: Subject) -> None:
    words = subject.bundle.sections.words
    assert words is not None
    topic = next(
        one for one in leave_tag_out(subject.catalog, subject.corpus).topics
        if one.text == "biopic"
    )  # fmt: skip
    assert topic.overlay.words is not None
    without = with_documents(words, topic.overlay.rows, topic.overlay.words)
    asked = ask_words(words, topic.text)
    before = score_words(words, asked, topic.relevant)["coverage"]
    assert np.all(before == 1)
    after = score_words(without, ask_words(without, topic.text), topic.relevant)["coverage"]
    assert np.all(after == 0)
    assert not np.isin(find_words(without, ask_words(without, "biopic"), 100, None),
                       topic.relevant).any()  # fmt: skip


def test_what_is_left_scores_as_in_an_index_made_of_the_changed_documents(
    subject: Subject,
) -> None:
    words = subject.bundle.sections.words
    assert words is not None
    fields = word_fields(subject.catalog, subject.corpus)
    tags_of = fields["tags"].to_pylist()
    for topic in leave_tag_out(subject.catalog, subject.corpus).topics[::60]:
        changed = set(topic.overlay.rows.tolist())
        tags = [
            [t for t in own if row not in changed or t.strip().casefold() != topic.text]
            for row, own in enumerate(tags_of)
        ]
        whole = index_words(
            {**fields, "tags": pa.array(tags, TEXTS)}, range(len(tags)), language="english"
        )
        patched = with_documents(words, topic.overlay.rows, topic.overlay.words)
        rows = np.arange(subject.bundle.n_items)
        expected, found = (
            score_words(index, ask_words(index, topic.text), rows)
            for index in (in_order(whole), patched)
        )
        np.testing.assert_allclose(found["coverage"], expected["coverage"])
        np.testing.assert_allclose(found["labels"], expected["labels"])
        np.testing.assert_allclose(found["words"], expected["words"], atol=1e-4)


def test_a_text_beside_a_taste_is_one_that_nothing_given_carries(subject: Subject) -> None:
    texts = steering_texts(subject.catalog)
    assert "category:Drama" in texts and any(name.startswith("tag:") for name in texts)
    liked = pd.DataFrame({"row": [1, 5, 9, 30, 77, 200], "value": 5.0})
    (topic,) = steered("someone", 2, liked, texts)
    assert 1 <= len(topic.liked) <= 3 and topic.fold == 2
    assert not np.isin(topic.liked, topic.carriers).any()
    assert np.isin(topic.relevant, topic.carriers).all() and len(topic.relevant)
    assert not np.isin(topic.relevant, topic.liked).any()
    assert steered("someone", 2, liked, texts)[0].text == topic.text


def test_of_whom_nothing_can_be_asked_nothing_is(subject: Subject) -> None:
    one = pd.DataFrame({"row": [1], "value": 5.0})
    assert steered("someone", 0, one, steering_texts(subject.catalog)) == []
    two = pd.DataFrame({"row": [1, 2], "value": 5.0})
    assert steered("someone", 0, two, {}) == []


def test_rare_tags_are_left_out(subject: Subject) -> None:
    assert min(map(len, carriers_of_tags(subject.catalog).values())) >= 5
    assert len(carriers_of_tags(subject.catalog, least=1)) > len(carriers_of_tags(subject.catalog))
