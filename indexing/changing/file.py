"""Publishing the changes in a file."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from indexing.changing.publisher import ChangeReport, Publisher
from indexing.changing.target import Target
from shortlist.bundle.changes import Change, change_of, decode_line, problems_of
from shortlist.bundle.store import ArtifactStore, OnStep, no_step
from shortlist.errors import CatalogError

log = logging.getLogger(__name__)

FILE = "file"
"""The name under which a version says how far it has changes from files."""

_MOST_TOLD = 20


def apply_file(
    store: ArtifactStore,
    path: Path,
    *,
    skip_bad: bool = False,
    force: bool = False,
    signing_key: Path | None = None,
    on_step: OnStep = no_step,
) -> ChangeReport:
    """Publish the changes in a file of JSON lines.

    Changes with a sequence number that the live version has already are passed over. A change that
    is wrong is named by its line, and nothing is published unless such are to be skipped. Raises
    CatalogError.
    """
    publisher = Publisher(store, signing_key=signing_key, on_step=on_step)
    with store.lock():
        store.reconcile()
        target = publisher.target()
        wanted, problems = _read(path, target)
        while bad := target.problems_of([change for _, _, change in wanted]):
            problems |= {f"line {wanted[place][0]}": said for place, said in bad.items()}
            wanted = [one for place, one in enumerate(wanted) if place not in bad]
        if problems and not skip_bad:
            raise CatalogError(_told(path, problems))
        for where, said in problems.items():
            log.warning("%s: %s: %s: left out", path, where, said)
        last = max((number for _, number, _ in wanted if number is not None), default=None)
        applied = {} if last is None else {FILE: last}
        if not wanted:
            live = target.live
            return ChangeReport(live.version, 0, live.n_items, None, problems, published=False)
        report = publisher.publish(
            [change for _, _, change in wanted], applied=applied, why="apply", force=force
        )
        return replace(report, left_out=problems)


Line = tuple[int, int | None, Change]
"""The number of a line, the sequence number of its change, and the change."""


def _read(path: Path, target: Target) -> tuple[list[Line], dict[str, str]]:
    """The changes of a file that are not in the live version yet, and what is wrong, by line."""
    wanted: list[Line] = []
    problems: dict[str, str] = {}
    last = target.live.manifest.applied.get(FILE, 0)
    try:
        with path.open(encoding="utf-8") as stream:
            for number, text in enumerate(stream, 1):
                if not text.strip():
                    continue
                sequence, found = _parsed(text, target)
                if isinstance(found, str):
                    problems[f"line {number}"] = found
                elif sequence is not None and sequence <= last:
                    continue
                else:
                    wanted.append((number, sequence, found))
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogError(f"{path}: cannot be read: {error}") from error
    numbers = [sequence for _, sequence, _ in wanted if sequence is not None]
    if numbers != sorted(set(numbers)):
        raise CatalogError(f"{path}: expected sequence numbers that rise from line to line")
    return wanted, problems


def _parsed(text: str, target: Target) -> tuple[int | None, Change | str]:
    """The sequence number of a line and its change, or what is wrong with it."""
    try:
        raw = decode_line(text)
    except ValueError as error:
        return None, f"not JSON: {error}"
    problems = problems_of(target.intake, raw)
    if not isinstance(raw, dict) or problems:
        return None, "; ".join(f"{where}: {said}" for where, said in problems.items())
    sequence = raw.get("sequence")
    if sequence is not None and (type(sequence) is not int or sequence < 1):
        return None, "sequence: expected an integer of 1 or more"
    return sequence, change_of(target.intake, raw)


def _told(path: Path, problems: Mapping[str, str]) -> str:
    lines = [f"{path}: {where}: {said}" for where, said in list(problems.items())[:_MOST_TOLD]]
    more = len(problems) - len(lines)
    rest = [f"{more} more"] if more > 0 else []
    return "\n".join([*lines, *rest, "nothing was published; --skip-bad leaves these out"])
