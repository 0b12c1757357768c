"""What a document's template is worth: python -m benchmarks.templates --catalog PATH --scratch DIR.

Builds the catalogue with each of a handful of templates and asks every text protocol, by
similarity alone and by the catalogue's default profile. Writes
benchmarks/results/templates-<catalogue>.md and .json.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import tomlkit

from benchmarks import report
from indexing.catalog import read_catalog
from indexing.catalog.toml import read_catalog_config
from indexing.documents import read_corpus
from indexing.job import build
from indexing.measure.evaluate import Subject, open_subject
from indexing.measure.metrics import measure
from indexing.measure.protocols.in_place import KINDS, words_in_place
from indexing.measure.protocols.tag_out import leave_tag_out
from indexing.measure.rankings import rank_texts
from indexing.measure.report import as_table, write_tables
from indexing.measure.systems import System, engine
from indexing.measure.topic import Protocol
from shortlist.encoder.machine import Precision
from shortlist.engine.features import FEATURES

ALONE = "similarity alone"
PATTERNS = (
    "{title} {categories} {tags}",
    "{title}. {categories}. {tags}",
    "{tags}. {categories}. {title}",
    "{title}. {tags}. {categories}.",
    "{categories}. {tags}. {title}",
    "{title}, a work of {categories} about {tags}",
)
"""Fields that the catalogue does not have are left out of each."""


@click.command()
@click.option("--catalog", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--scratch", required=True, type=click.Path(path_type=Path, file_okay=False))
def main(catalog: Path, scratch: Path) -> None:
    """Measure, print, write the results."""
    found: list[dict[str, Any]] = []
    corpus = read_corpus(read_catalog(read_catalog_config(catalog)))
    own = corpus.template.text
    for number, template in enumerate(dict.fromkeys([own, *_usable(corpus.columns)])):
        folder = scratch / str(number)
        changed = _with_template(catalog, template, folder / "catalogue")
        build(changed, folder / "artifacts", precision=Precision.F32)
        subject = open_subject(changed, folder / "artifacts")
        found += [{"template": template, **line} for line in _measured(subject)]
        click.echo(f"{template}: done")
        shutil.rmtree(folder)
    columns = list(found[0])
    rows = [[one if isinstance(one, str) else f"{one:.3f}" for one in each.values()]
            for each in found]  # fmt: skip
    table = as_table(columns, rows, n_texts=2)
    name = read_catalog_config(catalog).name
    write_tables(report.RESULTS / f"templates-{name}", table, {"lines": found})
    click.echo(table)


def _usable(columns: Any) -> Iterator[str]:
    for pattern in PATTERNS:
        if all(f"{{{name}}}" not in pattern or name in columns
               for name in ("title", "categories", "tags")):  # fmt: skip
            yield pattern


def _with_template(catalog: Path, template: str, folder: Path) -> Path:
    shutil.copytree(catalog.parent, folder)
    document = tomlkit.parse(catalog.read_text(encoding="utf-8"))
    document["document"] = {"template": template}
    (folder / catalog.name).write_text(tomlkit.dumps(document), encoding="utf-8")
    return folder / catalog.name


def _measured(subject: Subject) -> Iterator[dict[str, Any]]:
    weights = {name: float(name == "similarity") for name in FEATURES}
    systems = [engine(ALONE, n_candidates=1000, n_popular=0, weights=weights), engine("default")]
    lines: dict[str, dict[str, Any]] = {one.name: {"ranked by": one.name} for one in systems}
    in_place = words_in_place(subject.catalog)
    tags = leave_tag_out(subject.catalog, subject.corpus)
    for protocol in (subject.known_item(), in_place, tags):
        for name, values in _values(subject, protocol, systems):
            lines[name] |= values
    yield from lines.values()


def _values(
    subject: Subject, protocol: Protocol, systems: Sequence[System]
) -> Iterator[tuple[str, dict[str, float]]]:
    if protocol.skipped:
        return
    rankings = rank_texts(subject.snapshot, subject.encoder, protocol, systems)
    kinds = np.array([topic.kind for topic in protocol.topics])
    for (of, name), ranked in rankings.items():
        metrics = measure(protocol.topics, ranked, ("Success@1", "P@10", "nDCG@10"))
        if of == "known item":
            yield name, {"known item, first": float(metrics["Success@1"].mean())}
        elif of == "leave tag out":
            yield name, {"tag out, nDCG@10": float(metrics["nDCG@10"].mean())}
        else:
            yield (
                name,
                {
                    f"{kind}, P@10": float(metrics["P@10"][kinds == kind].mean())
                    for kind in KINDS
                    if (kinds == kind).any()
                },
            )


if __name__ == "__main__":
    main()
