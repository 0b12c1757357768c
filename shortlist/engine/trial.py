"""Which searches take part in an experiment, and how."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Self

from shortlist.bundle.experiment import Experiment, Variant
from shortlist.engine.cursor import Cursor, fingerprint
from shortlist.engine.query import Query, SearchQuery
from shortlist.errors import InvalidParameter

_SEED_BYTES = 16
_TEXT = re.compile(rf"control|candidate|[0-9a-f]{{{2 * _SEED_BYTES}}}")
_SHOWN_ALIKE = frozenset({"k", "cursor", "explain", "highlights", "facets"})
"""What changes how much of a list is shown, and of each result, but not the list."""


@dataclass(frozen=True)
class Trial:
    """How a search takes part: ranked by one `variant`, or drafted from both by `seed`'s coins."""

    experiment: Experiment
    variant: Variant | None = None
    seed: bytes = b""

    @classmethod
    def of(cls, text: str, experiment: Experiment | None) -> Self:
        """What `str` made this text of. Raises InvalidParameter for anything else."""
        if experiment is None or not _TEXT.fullmatch(text):
            raise InvalidParameter("cursor", "expected the `next` of an answer")
        if text in set(Variant):
            return cls(experiment, variant=Variant(text))
        return cls(experiment, seed=bytes.fromhex(text))

    def __str__(self) -> str:
        return self.seed.hex() if self.variant is None else self.variant.value

    @property
    def profile(self) -> str:
        """The profile that ranks; of a drafted list that of the control, its first side."""
        is_candidate = self.variant is Variant.CANDIDATE
        return self.experiment.candidate if is_candidate else self.experiment.control


@dataclass(frozen=True)
class Entry:
    """A search that may take part in an experiment: what is asked, of which version, by whom."""

    query: SearchQuery
    version: str
    control: str
    experiment: Experiment | None
    visitor: str

    @property
    def trial(self) -> Trial | None:
        """How it takes part, the same each time."""
        return enrolled(self.experiment, self.query, self.visitor)


def enrolled(experiment: Experiment | None, query: Query, person: str | None) -> Trial | None:
    """How a query takes part in an experiment, None where it does not.

    Those that take part search for a text and leave the ranking to the catalogue: they name no
    profile, no weights and no order. Who takes part, on which side, and how lists are drafted
    follows from the experiment's name and the `person`, a user or a session: all of somebody's
    searches are treated alike, and a list comes out the same each time. Without a person each list
    is drawn for itself; its cursor keeps what was drawn.
    """
    if experiment is None or not _leaves_the_ranking_open(query):
        return None
    who = secrets.token_hex(_SEED_BYTES) if person is None else person
    if _drawn("part", experiment.name, who) >= experiment.share:
        return None
    if experiment.kind == "split":
        is_candidate = _drawn("side", experiment.name, who) < 0.5
        variant = Variant.CANDIDATE if is_candidate else Variant.CONTROL
        return Trial(experiment, variant=variant)
    asked = fingerprint(query, but=_SHOWN_ALIKE).hex()
    return Trial(experiment, seed=_digest("coins", experiment.name, who, asked)[:_SEED_BYTES])


def carried_on(cursor: Cursor, query: Query, experiment: Experiment | None) -> Trial | None:
    """How the list that a cursor belongs to takes part in the experiment of its version.

    Its pages are those of one list, also when the experiment has been stopped meanwhile. Raises
    InvalidParameter where the version has none, or the query would not take part.
    """
    if not cursor.trial:
        return None
    return Trial.of(cursor.trial, experiment if _leaves_the_ranking_open(query) else None)


def _leaves_the_ranking_open(query: Query) -> bool:
    if not isinstance(query, SearchQuery) or not query.q.strip():
        return False
    return query.profile is None and not query.weights and not query.sort


def _drawn(*parts: str) -> float:
    """A number in [0, 1) that follows from these texts, and is as good as drawn."""
    return int.from_bytes(_digest(*parts)[:8], "big") / 2**64


def _digest(*parts: str) -> bytes:
    return hashlib.sha256("\0".join(parts).encode()).digest()
