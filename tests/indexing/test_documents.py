"""An item and its tags to one text, and the text to its hash."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexing.catalog import read_catalog
from indexing.catalog.template import parse_template
from indexing.catalog.toml import read_catalog_config
from indexing.documents import hash_documents, read_corpus, render_documents
from shortlist.errors import CatalogError

Films = Callable[..., Path]
Refused = Callable[..., str]


def documents_of(path: Path, *, batch_rows: int = 1000) -> list[str]:
    corpus = read_corpus(read_catalog(read_catalog_config(path)))
    return [text for batch in corpus.documents(batch_rows=batch_rows) for text in batch]


def test_the_notebooks_sample_document_is_reproduced(toys: Path) -> None:
    # Categories keep their separator, tags come in file order with repetitions, and a missing
    # value leaves the template's own blanks.
    assert documents_of(toys) == [
        "Toy Story (1995) Adventure|Animation|Children|Comedy|Fantasy pixar pixar fun",
        "Jumanji (1995) Adventure|Children|Fantasy game",
        "Kitchen, The  ",
    ]


def test_documents_do_not_depend_on_how_many_are_made_at_once(toys: Path) -> None:
    assert documents_of(toys, batch_rows=1) == documents_of(toys)


def test_without_a_template_a_document_is_title_categories_tags_and_text_columns(
    films: Films,
) -> None:
    path = films(
        ('template = "{title} {genres} {tags}"', ""),
        ('title = "title"', 'title = "title"\ntext = ["plot"]'),
        movies="movieId,title,genres,plot\n1,A,B|C,D\n",
        tags="movieId,tag\n1,t\n",
        ratings="userId,movieId,rating,timestamp\n",
    )
    assert documents_of(path) == ["A B|C t D"]


def test_a_template_may_name_roles_columns_and_attributes(films: Films) -> None:
    path = films(
        ("{title} {genres} {tags}", "{year}: {title} [{categories}]"),
        movies="movieId,title,genres\n1,A (1999),B|C\n2,D,\n",
    )
    assert documents_of(path) == ["1999: A (1999) [B|C]", ": D []"]


def test_double_braces_are_braces() -> None:
    template = parse_template("{{{title}}} {{x}} {{title}}", ["title"])
    assert render_documents(template, {"title": ["A", "{B}"]}) == [
        "{A} {x} {title}",
        "{{B}} {x} {title}",
    ]


def test_composed_and_combining_accents_give_one_document() -> None:
    composed, combining = "Am\u00e9lie", "Ame\u0301lie"
    assert composed != combining
    template = parse_template("{title}", ["title"])
    documents = render_documents(template, {"title": [composed, combining]})
    assert documents == [composed, composed]
    first, second = hash_documents(documents)
    assert first == second


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{title} {genre}", "unknown field {genre}; known fields: {categories}, {genres}, {tags}"),
        ("{}", "unknown field {}; known fields: "),
        ("{0}", "unknown field {0}; known fields: "),
        ("{title.upper}", "unknown field {title.upper}; known fields: "),
        ("{title!r}", "expected {title} without a format or conversion"),
        ("{title:>9}", "expected {title} without a format or conversion"),
        ("{title", "expected '}' before end of string"),
        ("title}", "Single '}' encountered in format string"),
        ("film", "names no field; known fields: "),
    ],
)
def test_a_template_that_cannot_be_filled_is_refused(
    films: Films, refused: Refused, template: str, said: str
) -> None:
    path = films(("{title} {genres} {tags}", template))
    message = refused(path)
    assert f"document.template {template!r}: {said}" in message


def test_the_fields_named_in_the_message_are_all_there_are(films: Films, refused: Refused) -> None:
    path = films(("{title} {genres} {tags}", "{plot}"))
    assert refused(path).endswith(
        "unknown field {plot}; known fields: {categories}, {genres}, {tags}, {title}, {year}"
    )


def test_tags_are_no_field_of_a_catalogue_without_tags() -> None:
    with pytest.raises(CatalogError, match=r"unknown field \{tags\}; known fields: \{title\}"):
        parse_template("{tags}", ["title"])


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)


@given(st.lists(texts, min_size=2, max_size=8))
def test_hashes_are_equal_where_and_only_where_documents_are(documents: list[str]) -> None:
    hashes = hash_documents(documents)
    for first, one in zip(documents, hashes, strict=True):
        for second, other in zip(documents, hashes, strict=True):
            assert (one == other) == (first == second)


@given(st.lists(texts, min_size=1, max_size=3), st.lists(texts, min_size=1, max_size=3))
def test_a_document_is_its_values_at_their_places_normalised(
    titles: list[str], tags: list[str]
) -> None:
    n = min(len(titles), len(tags))
    columns = {"title": titles[:n], "tags": tags[:n]}
    template = parse_template("<{tags}> {title}", ["title", "tags"])
    assert render_documents(template, columns) == [
        unicodedata.normalize("NFC", f"<{tag}> {title}")
        for title, tag in zip(titles[:n], tags[:n], strict=True)
    ]


def test_a_hash_is_the_first_half_of_the_sha256() -> None:
    # sha256("abc") = ba7816bf 8f01cfea 414140de 5dae2223 | b00361a3 ...
    (found,) = hash_documents(["abc"])
    assert found.hex() == "ba7816bf8f01cfea414140de5dae2223"


def test_no_documents_have_no_hashes() -> None:
    assert hash_documents([]).shape == (0,)


def test_a_catalogue_without_a_word_is_refused(films: Callable[..., Path]) -> None:
    path = films(movies="movieId,title,genres\n1,,\n2, ,\n", tags="movieId,tag\n")
    with pytest.raises(CatalogError, match=r"items\.title: every title is blank, and no document"):
        read_corpus(read_catalog(read_catalog_config(path))).recall_probes()
