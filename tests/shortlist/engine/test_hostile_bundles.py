"""A bundle whose checksums are right and whose content is not is refused when it is loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from indexing.versions import verify
from shortlist.bundle.arrays import TEXT, write_arrow
from shortlist.bundle.attributes import LISTED, POINTS, TIMES
from shortlist.bundle.reader import open_bundle
from shortlist.bundle.store import ArtifactStore
from shortlist.engine.features import available_features
from shortlist.engine.snapshot import load_snapshot
from shortlist.errors import BundleCorrupt
from tests.publishing import INDEX, OPTIONS, SEGMENT, VECTORS, Change, reseal

Spoil = Callable[[Path], None]
FLOATS = pa.float64()


def put(place: Any, value: Any) -> Spoil:
    """Exchange values of an array file."""

    def spoil(path: Path) -> None:
        values = np.load(path)
        values[place] = value
        np.save(path, values)

    return spoil


def array(values: Any, dtype: npt.DTypeLike) -> Spoil:
    """Another array in the place of one."""
    return lambda path: np.save(path, np.array(values, dtype=dtype))


def by_columns(path: Path) -> None:
    np.save(path, np.asfortranarray(np.load(path)))


def bytes_of(old: bytes, new: bytes) -> Spoil:
    """Exchange a part of a file that it has once for as many other bytes."""

    def spoil(path: Path) -> None:
        content = path.read_bytes()
        assert content.count(old) == 1
        assert len(old) == len(new)
        path.write_bytes(content.replace(old, new))

    return spoil


def column(name: str, values: Any, kind: pa.DataType) -> Spoil:
    """Another column in the place of one of an Arrow file, or one more."""

    def spoil(path: Path) -> None:
        columns = read(path)
        write_arrow(path, pa.table({**columns, name: pa.array(values, kind)}))

    return spoil


def a_dictionary_without_a_text(path: Path) -> None:
    codes = pa.array([0, 1, None], pa.int32())
    coded = pa.DictionaryArray.from_arrays(codes, pa.array(["a", None], pa.large_string()))
    write_arrow(path, pa.table({**read(path), "attribute.year": coded}))


def read(path: Path) -> dict[str, pa.Array]:
    with pa.ipc.open_file(path.read_bytes()) as reader:
        table = reader.read_all()
    columns = [one.combine_chunks() for one in table.columns]
    return dict(zip(table.column_names, columns, strict=True))


def every(name: str, value: float, kind: pa.DataType = FLOATS) -> Spoil:
    """A column of this value alone."""
    return column(name, [value] * 3, kind)


def offsets(*values: int) -> bytes:
    return np.array(values, np.int64).tobytes()


def codes(*values: int) -> Spoil:
    """Other category codes; the dictionary stays."""

    def spoil(path: Path) -> None:
        columns = read(path)
        lists = columns["categories"]
        coded = pa.DictionaryArray.from_arrays(
            pa.array(values, pa.int32()), lists.values.dictionary, safe=False
        )
        columns["categories"] = pa.LargeListArray.from_arrays(lists.offsets, coded)
        write_arrow(path, pa.table(columns))

    return spoil


def cell(name: str, row: int, value: float) -> Spoil:
    """Another value in a column of numbers."""

    def spoil(path: Path) -> None:
        columns = read(path)
        values = columns[name].to_numpy().copy()
        values[row] = value
        write_arrow(path, pa.table({**columns, name: pa.array(values)}))

    return spoil


def text_of(name: str, content: bytes) -> Spoil:
    """The bytes of a text column, its offsets as they are."""

    def spoil(path: Path) -> None:
        columns = read(path)
        _, offsets, data = columns[name].buffers()
        assert len(content) <= data.size
        buffers = [None, offsets, pa.py_buffer(content.ljust(data.size, b"x"))]
        columns[name] = pa.Array.from_buffers(columns[name].type, len(columns[name]), buffers)
        write_arrow(path, pa.table(columns))

    return spoil


def compressed(path: Path) -> None:
    table = pa.table(read(path))
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with (
        pa.OSFile(str(path), "wb") as sink,
        pa.ipc.new_file(sink, table.schema, options=options) as writer,
    ):
        writer.write_table(table)


def numbered(path: Path) -> None:
    """The index with ids that are no rows, which may still call itself exact."""
    flat = faiss.read_index(str(path))
    index = faiss.IndexIDMap(faiss.IndexFlatIP(flat.d))
    index.add_with_ids(flat.reconstruct_n(0, flat.ntotal), np.arange(flat.ntotal) + 2**40)
    faiss.write_index(index, str(path))


def shuffled(path: Path) -> None:
    """The same vectors in reverse order."""
    flat = faiss.read_index(str(path))
    index = faiss.IndexFlatIP(flat.d)
    index.add(np.ascontiguousarray(flat.reconstruct_n(0, flat.ntotal)[::-1]))
    faiss.write_index(index, str(path))


TITLES, RANKS = f"{SEGMENT}/titles", "word_ranks/s1.npy"
OFFSETS, POSTINGS = f"{TITLES}/offsets.npy", f"{TITLES}/postings.npy"
WORDS, NAMES = f"{TITLES}/words.npy", f"{TITLES}/names.arrow"
HUGE = np.iinfo(np.int64).max

CASES: dict[str, tuple[str, Spoil, str]] = {
    "offsets that fall": (OFFSETS, put(1, HUGE), "expected rising values"),
    "offsets that wrap round": (OFFSETS, put(slice(1, 3), [HUGE, -HUGE - 1]), "expected rising"),
    "offsets below 0": (OFFSETS, put(0, -1), "rising offsets from 0 on"),
    "offsets beyond the end": (OFFSETS, put(-1, 2**40), "expected 1099511627776 entries, found"),
    "a trigram of no title": (OFFSETS, put(1, 0), "a trigram of no title"),
    "postings beyond the titles": (POSTINGS, put(0, 6), "expected 0 to 5, found 6"),
    "postings below 0": (POSTINGS, put(0, -1), "expected 0 to 5, found -1"),
    "trigrams that fall": (f"{TITLES}/trigrams.npy", put(0, 2**32 - 1), "expected rising values"),
    "words that fall": (f"{TITLES}/vocabulary.npy", put(0, 2**32 - 1), "expected rising values"),
    "words of no title": (WORDS, put((0, 0), 6), "title: row 0: expected 0 to 5, found 6"),
    "words behind their title": (WORDS, put((0, 1), 999), "behind the end of its title"),
    "words before their title": (WORDS, put((0, 1), -1), "start: row 0: expected 0 to"),
    "words of three numbers": (WORDS, array([[0, 0, 0]], np.int32), r"expected int32 of shape \(a"),
    "titles of no item": (NAMES, cell("row", -1, 3), "expected 0 to 2, found 3"),
    "rows that fall": (NAMES, cell("row", 0, 2), "row 1: expected rising"),
    "norms of 0": (NAMES, cell("norm", 1, 0), "norm: row 1: expected"),
    "norms of NaN": (NAMES, cell("norm", 1, np.nan), "norm: row 1: expected"),
    "folded titles not in UTF-8": (NAMES, text_of("folded", b"\xff\xfe"), "(?i)utf8"),
    "vectors of NaN": (VECTORS, put((1, 0), np.nan), "row 1 has length nan, expected 1"),
    "vectors of 0": (VECTORS, put(2, 0), "row 2 has length 0, expected 1"),
    "vectors of 1e38": (VECTORS, put(2, 1e38), r"row 2 has length 5\.65685e\+38, expected 1"),
    "vectors by columns": (VECTORS, by_columns, "one behind the other, found columns"),
    "vectors of other bytes": (VECTORS, bytes_of(b"'<f4'", b"'>f4'"), "found >f4"),
    "vectors of objects": (VECTORS, bytes_of(b"'<f4'", b"'|O'@"), "not an array file"),
    "fewer bytes than said": (POSTINGS, lambda path: shorten(path, 4), "bytes do not hold int32"),
    "an array that is empty": (
        "popular.npy",
        lambda path: path.write_bytes(b"") and None,
        "mapped",
    ),
    "popular items that are none": ("popular.npy", put(0, 3), "expected 0 to 2, found 3"),
    "ranks beyond the words": (RANKS, put(0, 2**30), "row 0: expected 0 to"),
    "ranks below 0": (RANKS, put(0, -1), "row 0: expected 0 to"),
    "fewer ranks than words": (RANKS, array([0], np.int32), "ranks, one for each word"),
    "labels of a third kind": ("labels.arrow", cell("kind", 0, 2), "expected 0 to 1, found 2"),
    "labels of more than all": ("labels.arrow", cell("count", 0, 4), "expected 1 to 3, found 4"),
    "labels of none": ("labels.arrow", cell("count", 0, 0), "expected 1 to 3, found 0"),
    "labels not in UTF-8": ("labels.arrow", text_of("label", b"\xff\xfe"), "(?i)utf8"),
    "calibration of infinity": ("calibration.npy", put(-1, np.inf), "found inf"),
    "features of NaN": ("features.arrow", every("rating_volume", np.nan), "found nan"),
    "features above 1": ("features.arrow", every("rating_volume", 1.5), "expected 0 to 1"),
    "features below 0": ("features.arrow", every("recency", -0.5), "expected 0 to 1"),
    "estimates of 2": ("features.arrow", every("estimated", 2, pa.uint8()), "expected 0 to 1"),
    "rows_by_id beyond": ("id_map.arrow", column("rows_by_id", [1, 2, 3], pa.int64()), "0 to 2"),
    "rows_by_id twice": ("id_map.arrow", column("rows_by_id", [1, 2, 2], pa.int64()), "in order"),
    "rows_by_id unsorted": ("id_map.arrow", column("rows_by_id", [0, 1, 2], pa.int64()), "in ord"),
    "an id twice": ("id_map.arrow", column("item_id", [30, 10, 10], pa.int64()), "each once"),
    "titles not in UTF-8": ("items.arrow", text_of("title", b"\xff\xfe"), "(?i)utf8"),
    "category codes beyond": ("items.arrow", codes(0, 1, 2, 3, 4, 0, 2, 99), "(?i)indices|bound"),
    "category codes below 0": ("items.arrow", codes(0, 1, 2, 3, 4, 0, 2, -1), "(?i)ind|bound"),
    "categories that fall": (
        "items.arrow",
        bytes_of(offsets(0, 5, 8, 8), offsets(0, 8, 5, 8)),
        "(?i)offset",
    ),
    "categories beyond the end": (
        "items.arrow",
        bytes_of(offsets(0, 5, 8, 8), offsets(0, 5, 8, 2**40)),
        "(?i)offset",
    ),
    "infinite popularity": ("items.arrow", every("popularity_score", np.inf), "expected 0 to 1"),
    "an infinite mean": ("items.arrow", every("mean_rating", np.inf), "expected finite numbers"),
    "counts below 0": ("items.arrow", every("rating_count", -1, pa.int32()), "found -1"),
    "attributes of a strange type": (
        "items.arrow",
        column("attribute.year", [1, 2, None], pa.int8()),
        "expected one of int64, double, dictionary<.*>, found int8",
    ),
    "a dictionary without a text": (
        "items.arrow",
        a_dictionary_without_a_text,
        "expected texts that rise, none of them missing",
    ),
    "a time after year 9999": (
        "items.arrow",
        column("attribute.year", [{"at": 2**62, "form": 0}] * 3, TIMES),
        "expected times from year 1 to 9999",
    ),
    "a time of no form": (
        "items.arrow",
        column("attribute.year", [{"at": 0, "form": 2000}] * 3, TIMES),
        "expected times from year 1 to 9999 and their forms",
    ),
    "half a point": (
        "items.arrow",
        column("attribute.year", [{"lat": 1.0, "lon": None}] * 3, POINTS),
        "expected latitudes",
    ),
    "a point beyond the pole": (
        "items.arrow",
        column("attribute.year", [{"lat": 91.0, "lon": 0.0}] * 3, POINTS),
        "expected latitudes of -90 to 90",
    ),
    "a list with no text in it": (
        "items.arrow",
        column("attribute.year", [["a", None]] * 3, LISTED),
        "expected lists of texts that rise, none of them missing",
    ),
    "a script in a link": (
        "items.arrow",
        column("display.link", ["/a", None, "javascript:alert(1)"], TEXT[0]),
        "expected addresses of http or https",
    ),
    "another host in a link": (
        "items.arrow",
        column("display.image", ["//evil.example/x", None, "a"], TEXT[0]),
        "expected addresses of http or https",
    ),
    "numbers for a subtitle": (
        "items.arrow",
        column("display.subtitle", [1, 2, 3], pa.int64()),
        "expected texts",
    ),
    "attributes of NaN": ("items.arrow", every("attribute.length", np.nan), "finite numbers"),
    "compressed columns": ("items.arrow", compressed, "expected uncompressed columns"),
    "entries of no row": ("rows/s1.npy", put(0, 3), "row 0: expected -1 to 2, found 3"),
    "entries of one row": ("rows/s1.npy", put(0, 1), "every item once"),
    "an entry that is gone": ("rows/s1.npy", put(0, -1), "expected 3 entries that count"),
    "fewer entries": ("rows/s1.npy", array([0, 1], np.int32), r"expected int32 of shape \(3\)"),
    "terms of no word": (f"{SEGMENT}/document_terms/terms.npy", put(0, 999), "expected 0 to"),
    "ids that are no rows": (INDEX, numbered, "expected an exact index, found IndexIDMap"),
    "vectors in another order": (INDEX, shuffled, "row 0 is not that of the bundle's"),
}


def shorten(path: Path, n_bytes: int) -> None:
    path.write_bytes(path.read_bytes()[:-n_bytes])


def spoiled(folder: Path, name: str, spoil: Spoil) -> Path:
    path = folder / name
    path.chmod(0o644)
    spoil(path)
    return reseal(folder, name)


@pytest.mark.parametrize("case", CASES)
def test_values_that_cannot_be_are_refused_when_they_are_loaded(
    live_folder: Path, case: str
) -> None:
    name, spoil, message = CASES[case]
    folder = spoiled(live_folder, name, spoil)
    with pytest.raises(BundleCorrupt, match=message) as caught:
        load_snapshot(folder, OPTIONS)
    assert any(part in str(caught.value) for part in name.split("/"))


def replaced(*path: str, value: object) -> Change:
    def change(manifest: dict[str, Any]) -> None:
        *outer, last = path
        for key in outer:
            manifest = manifest[key]
        manifest[last] = value

    return change


def described(raw: dict[str, Any]) -> dict[str, Any]:
    """What a manifest says of the index of its segment."""
    found: dict[str, Any] = raw["segments"][0]["retrieval"]
    return found


def searched(params: dict[str, Any]) -> Change:
    """Other search parameters."""
    return lambda raw: described(raw).update(params=params)


BAD_MANIFESTS: dict[str, tuple[Change, str]] = {
    "default_profile": (replaced("default_profile", value="x"), "default_profile: .*found 'x'"),
    "similar_profile": (replaced("similar_profile", value="x"), "similar_profile: .*found 'x'"),
    "recommend_profile": (replaced("recommend_profile", value="x"), "recommend_profile: .*'x'"),
    "steered_profile": (replaced("steered_profile", value="x"), "steered_profile: .*found 'x'"),
    "a profile of nothing here": (
        replaced("profiles", "standard", "weights", value={"recency": 1.0}),
        "default_profile: 'standard' weighs nothing that this bundle has",
    ),
    "a scale of one point": (replaced("popularity", "scale", value=[5, 5]), "lowest < highest"),
    "no overfetch": (
        searched({"overfetch": 0}),
        "expected 1 to",
    ),
    "overfetch as text": (
        searched({"overfetch": "x"}),
        "expected 1",
    ),
    "endless ef_search": (
        searched({"ef_search": 2**62}),
        "found",
    ),
    "ratings where none are": (replaced("popularity", value=None), "has ratings where"),
}


@pytest.mark.parametrize("case", BAD_MANIFESTS)
def test_a_manifest_that_no_query_could_be_answered_by_is_refused(
    live_folder: Path, case: str
) -> None:
    change, message = BAD_MANIFESTS[case]
    with pytest.raises(BundleCorrupt, match=message):
        load_snapshot(reseal(live_folder, change=change), OPTIONS)


def test_an_index_that_cannot_be_searched_as_the_manifest_says_is_refused(
    live_folder: Path,
) -> None:
    (live_folder / INDEX).chmod(0o644)
    refined = faiss.index_factory(32, "HNSW16,RFlat", faiss.METRIC_INNER_PRODUCT)
    refined.add(np.load(live_folder / VECTORS))
    faiss.write_index(refined, str(live_folder / INDEX))
    found = {"exact": False, "params": {"ef_search": 64}}
    folder = reseal(live_folder, INDEX, change=lambda raw: described(raw).update(found))
    with pytest.raises(BundleCorrupt, match=r"index\.faiss: FAISS cannot search it"):
        load_snapshot(folder, OPTIONS)


@pytest.mark.parametrize("kind", ["HNSW8", "IVF1_HNSW8,Flat", "L2norm,HNSW8", "IDMap,HNSW8"])
def test_a_graph_that_would_take_gigabytes_for_each_query_is_refused(
    live_folder: Path, kind: str
) -> None:
    vectors = np.load(live_folder / VECTORS)
    index = faiss.index_factory(32, kind, faiss.METRIC_INNER_PRODUCT)
    index.train(np.repeat(vectors, 20, axis=0))
    index.add_with_ids(vectors, np.arange(3)) if "ID" in kind else index.add(vectors)
    inner = index.quantizer if "IVF" in kind else index.index if "," in kind else index
    faiss.downcast_index(inner).hnsw.efSearch = 2**30
    (live_folder / INDEX).unlink()
    faiss.write_index(index, str(live_folder / INDEX))
    folder = reseal(live_folder, INDEX, change=lambda raw: described(raw).update(exact=False))
    message = r"index\.faiss: efSearch: expected 1 to 100000, found 1073741824"
    with pytest.raises(BundleCorrupt, match=message):
        load_snapshot(folder, OPTIONS)


def test_an_approximate_index_that_names_no_rows_is_refused(live_folder: Path) -> None:
    (live_folder / INDEX).chmod(0o644)
    numbered(live_folder / INDEX)
    folder = reseal(live_folder, INDEX, change=lambda raw: described(raw).update(exact=False))
    with pytest.raises(BundleCorrupt, match=r"index\.faiss: rows found: row 0: expected -1 to 2"):
        load_snapshot(folder, OPTIONS)


def test_an_encoder_of_another_dimension_is_refused(live_folder: Path, sample_bundle: Path) -> None:
    bundle = open_bundle(sample_bundle)
    encoder = [name for name in bundle.manifest.files if name.startswith("encoder/")]
    for name in encoder:
        (live_folder / name).unlink()
        (live_folder / name).write_bytes((sample_bundle / name).read_bytes())
    with pytest.raises(BundleCorrupt, match=r"settings\.json: gives vectors of 384 numbers, expec"):
        load_snapshot(reseal(live_folder, *encoder), OPTIONS)


def test_the_gate_names_a_table_that_is_none(live: Path, live_folder: Path) -> None:
    name = "popularity.parquet"
    folder = spoiled(live_folder, name, lambda path: path.write_bytes(b"PAR1") and None)
    with pytest.raises(Exception, match=f"^{name}: not a Parquet file"):
        verify(ArtifactStore(live), folder.name)


def test_a_column_called_popularity_makes_no_ratings(live_folder: Path) -> None:
    def without_ratings(path: Path) -> None:
        rated = {"rating_count", "mean_rating", "popularity_score"}
        columns = {name: one for name, one in read(path).items() if name not in rated}
        write_arrow(path, pa.table(columns))

    for name, spoil in (
        ("items.arrow", without_ratings),
        ("features.arrow", every("popularity", 0.5)),
    ):
        (live_folder / name).chmod(0o644)
        spoil(live_folder / name)
    folder = reseal(
        live_folder,
        "items.arrow",
        "features.arrow",
        change=lambda raw: raw.update(popularity=None),
    )
    assert "popularity" not in available_features(load_snapshot(folder, OPTIONS).bundle)


def test_what_the_sound_ones_hold_is_not_refused(live_folder: Path) -> None:
    assert load_snapshot(reseal(live_folder), OPTIONS).bundle.n_items == 3
