"""Three indexes of words side by side: python -m benchmarks.words --catalog PATH --scratch DIR.

Shortlist's word section, bm25s and tantivy, over a catalogue's own documents and over a million
made from their words, asked 310 texts for a hundred documents each. Every figure is of a process of
its own; those of time are the best of three rounds. Writes benchmarks/results/words.json and .md.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyarrow as pa

from benchmarks import report
from indexing.catalog import read_catalog
from indexing.catalog.arrow_values import TEXTS
from indexing.catalog.toml import read_catalog_config
from indexing.documents import read_corpus
from indexing.measure.report import as_table, write_tables
from indexing.words import index_words
from shortlist.bundle.all_words import AllWords, part_of
from shortlist.bundle.places import Places
from shortlist.bundle.sections.word_index import read_words, write_words
from shortlist.engine.lanes.asked import ask_words
from shortlist.engine.lanes.words import find_words, score_words

SEED = 20261124
N_DRAWN, N_ROUNDS, TOP = 300, 3, 100
WORDS_A_DOCUMENT = 30
WRITTEN = (
    "space opera", "dark comedy romance", "based on a book", "biopic", "drama",
    "toys come alive when nobody is looking", "the lord of the rings", "comedy drama thriller",
    "atmospheric drama", "a film about love and the war in the city of new york",
)  # fmt: skip

Ask = Callable[[str], object]
COLUMNS = {
    "build_s": "build, s", "bytes_an_item": "bytes an item", "load_s": "load, s",
    "own_mb": "own memory, MB", "p50_ms": "p50, ms", "p95_ms": "p95, ms",
    "two_threads": "two threads ÷ one",
}  # fmt: skip


@click.command()
@click.option("--catalog", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--scratch", required=True, type=click.Path(path_type=Path, file_okay=False))
@click.option("--items", "n_items", default=1_000_000, show_default=True)
def main(catalog: Path, scratch: Path, n_items: int) -> None:
    """Measure, print, write the results."""
    corpus = read_corpus(read_catalog(read_catalog_config(catalog)))
    own = [text for batch in corpus.documents(batch_rows=65_536) for text in batch]
    found = []
    for documents in (own, _made(own, n_items)):
        folder = scratch / str(len(documents))
        folder.mkdir(parents=True)
        (folder / "documents.json").write_text(json.dumps(documents), encoding="utf-8")
        (folder / "texts.json").write_text(json.dumps(_texts(documents)), encoding="utf-8")
        for name in LIBRARIES:
            line = {**_run("build", name, folder), **_run("ask", name, folder)}
            found.append({"items": len(documents), "index": name, **line})
    rows = [
        [f"{one['items']:,}", one["index"], *(f"{one[key]:,.3g}" for key in COLUMNS)]
        for one in found
    ]
    table = as_table(["items", "index", *COLUMNS.values()], rows, n_texts=2)
    write_tables(report.RESULTS / "words", table, {"machine": report.machine(), "lines": found})
    click.echo(table)


def _made(documents: list[str], n: int) -> list[str]:
    """As many documents of 30 words, drawn from the words of these as often as they stand."""
    rng = random.Random(SEED)
    words = [word for text in documents for word in text.split()]
    return [" ".join(rng.choices(words, k=WORDS_A_DOCUMENT)) for _ in range(n)]


def _texts(documents: list[str]) -> list[str]:
    """Written ones, and one to four words of documents that are drawn."""
    rng = random.Random(SEED)
    drawn = [rng.choice(documents).split() for _ in range(N_DRAWN)]
    return [*WRITTEN, *(" ".join(rng.sample(ws, min(len(ws), rng.randint(1, 4)))) for ws in drawn)]


def _run(step: str, name: str, folder: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.words", step, name, str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout))


def _build(name: str, folder: Path) -> dict[str, float]:
    documents = json.loads((folder / "documents.json").read_text(encoding="utf-8"))
    home = folder / name
    home.mkdir()
    began = time.perf_counter()
    LIBRARIES[name][0](documents, home)
    build_s = time.perf_counter() - began
    n_bytes = sum(path.stat().st_size for path in home.rglob("*") if path.is_file())
    return {"build_s": build_s, "bytes_an_item": n_bytes / len(documents)}


def _ask(name: str, folder: Path) -> dict[str, float]:
    texts = json.loads((folder / "texts.json").read_text(encoding="utf-8"))
    before, began = _own_mb(), time.perf_counter()
    ask = LIBRARIES[name][1](folder / name)
    load_s = time.perf_counter() - began
    rounds = [_times_ms(ask, texts) for _ in range(1 + N_ROUNDS)][1:]
    p50, p95 = (min(float(np.percentile(one, q)) for one in rounds) for q in (50, 95))
    own_mb = _own_mb() - before
    alone, both = (max(_rate(ask, texts, n) for _ in range(N_ROUNDS)) for n in (1, 2))
    return {
        "load_s": load_s, "own_mb": own_mb, "p50_ms": p50, "p95_ms": p95,
        "two_threads": both / alone,
    }  # fmt: skip


def _times_ms(ask: Ask, texts: list[str]) -> list[float]:
    times_ms = []
    for text in texts:
        began = time.perf_counter()
        ask(text)
        times_ms.append((time.perf_counter() - began) * 1e3)
    return times_ms


def _rate(ask: Ask, texts: list[str], n_threads: int) -> float:
    """Texts a second, each thread asking all of them."""
    threads = [threading.Thread(target=_times_ms, args=(ask, texts)) for _ in range(n_threads)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return n_threads * len(texts) / (time.perf_counter() - began)


def _own_mb() -> float:
    """Memory of this process that is no mapped file."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


def _build_ours(documents: list[str], home: Path) -> None:
    fields = {"all": pa.array([[text] for text in documents], TEXTS)}
    write_words(home, index_words(fields, range(len(documents)), language="english"))
    (home / "n_items").write_text(str(len(documents)))


def _load_ours(home: Path) -> Ask:
    """What the service does: candidates, and the features of each."""
    index = read_words(home, n_items=int((home / "n_items").read_text()))
    words = AllWords((part_of(index),), Places())

    def ask(text: str) -> object:
        asked = ask_words(words, text)
        return score_words(words, asked, np.sort(find_words(words, asked, TOP, None)))

    return ask


def _build_bm25s(documents: list[str], home: Path) -> None:
    import bm25s

    index = bm25s.BM25()
    index.index(_tokens(documents), show_progress=False)
    index.save(str(home))


def _load_bm25s(home: Path) -> Ask:
    import bm25s

    index = bm25s.BM25.load(str(home), mmap=True)
    return lambda text: index.retrieve(_tokens([text]), k=TOP, show_progress=False)


def _tokens(texts: list[str]) -> Any:
    import bm25s
    import Stemmer

    stemmer = Stemmer.Stemmer("english")
    options = {"stopwords": "en", "stemmer": stemmer, "show_progress": False}
    return bm25s.tokenize(texts, return_ids=len(texts) > 1, **options)


def _build_tantivy(documents: list[str], home: Path) -> None:
    import tantivy

    index = tantivy.Index(_schema(), path=str(home))
    writer = index.writer(heap_size=400_000_000, num_threads=1)
    for row, text in enumerate(documents):
        document = tantivy.Document()
        document.add_text("body", text)
        document.add_unsigned("row", row)
        writer.add_document(document)
    writer.commit()
    writer.wait_merging_threads()


def _load_tantivy(home: Path) -> Ask:
    import tantivy

    index = tantivy.Index(_schema(), path=str(home))
    searcher = index.searcher()

    def ask(text: str) -> object:
        query, _ = index.parse_query_lenient(text, ["body"])
        hits = searcher.search(query, TOP).hits
        return searcher.fast_field_values("row", [place for _, place in hits])

    return ask


def _schema() -> Any:
    import tantivy

    builder = tantivy.SchemaBuilder()
    builder.add_text_field("body", stored=False, tokenizer_name="en_stem")
    builder.add_unsigned_field("row", stored=False, indexed=False, fast=True)
    return builder.build()


LIBRARIES: dict[str, tuple[Callable[[list[str], Path], None], Callable[[Path], Ask]]] = {
    "shortlist": (_build_ours, _load_ours),
    "bm25s": (_build_bm25s, _load_bm25s),
    "tantivy": (_build_tantivy, _load_tantivy),
}
STEPS = {"build": _build, "ask": _ask}

if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in STEPS:
        step, name, folder = sys.argv[1:]
        print(json.dumps(STEPS[step](name, Path(folder))))
    else:
        main()
