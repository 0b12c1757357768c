"""What tuning learnt and what it gains, as tables and as a JSON file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from indexing.measure.metrics import Difference
from indexing.measure.report import as_table, write_tables
from shortlist.bundle.profiles import Profile


@dataclass(frozen=True)
class Judged:
    """One metric on held-out topics, or users, ranked by two profiles: means and differences.

    `difference` is learnt minus before. Of tastes, the same pools are ranked by a learned ranker
    too, and `trees_difference` is that to the learnt profile.
    """

    protocol: str
    metric: str
    n_judged: int
    before: float
    learnt: float
    difference: Difference
    trees: float | None = None
    trees_difference: Difference | None = None


@dataclass(frozen=True)
class Tuned:
    """A learnt profile and what it gains over another on topics, or users, held out."""

    compared_with: str
    profile: Profile
    n_training: int
    judged: tuple[Judged, ...]

    @property
    def significant(self) -> bool:
        """Whether some metric rose beyond chance and none fell beyond it."""
        rose = any(one.difference.low > 0 for one in self.judged)
        return rose and not any(one.difference.high < 0 for one in self.judged)

    @property
    def trees_win(self) -> bool:
        """Whether the learned ranker beats the linear one in nDCG@10 beyond chance."""
        leading = {one.metric: one.trees_difference for one in self.judged}.get("nDCG@10")
        return leading is not None and leading.low > 0


@dataclass(frozen=True)
class Tuning:
    """The profile learnt for searches; those of tastes, each compared with what it replaces."""

    catalog: str
    version: str
    search: Tuned
    tastes: tuple[Tuned, ...] = ()


def write_tuning(tuning: Tuning, folder: Path) -> list[Path]:
    """Write tuning-<catalogue>.md and .json; returns the paths."""
    tastes = [_plain(one) for one in tuning.tastes]
    described = {**vars(tuning), "search": _plain(tuning.search), "tastes": tastes}
    return write_tables(folder / f"tuning-{tuning.catalog}", as_markdown(tuning), described)


def _plain(tuned: Tuned) -> dict[str, object]:
    return {
        **asdict(tuned),
        "profile": tuned.profile.model_dump(mode="json"),
        "significant": tuned.significant,
        "trees_win": tuned.trees_win,
    }


def as_markdown(tuning: Tuning) -> str:
    """The verdicts, the profiles, and the evidence."""
    found = tuning.search
    columns = ["protocol", "metric", "queries", found.compared_with, "learnt", "difference, 95 %"]
    rows = [[one.protocol, *_cells(one)] for one in found.judged]
    search = [
        f"Catalogue {tuning.catalog}: {_verdict(found)} over profile {found.compared_with}.",
        f"Learnt from {found.n_training:,} queries: {_described(found.profile, 'n_popular')}.",
        "On the queries held out:",
        as_table(columns, rows, n_texts=2),
    ]
    return "\n\n".join([*search, *(part for one in tuning.tastes for part in _taste(one))])


def _taste(found: Tuned) -> Sequence[str]:
    wins = "beats" if found.trees_win else "does not beat"
    columns = ["metric", "held-out users", found.compared_with, "learnt", "difference, 95 %"]
    rows = [[*_cells(one), f"{one.trees:.3f}", str(one.trees_difference)] for one in found.judged]
    return [
        f"{found.judged[0].protocol.capitalize()}, profile {found.compared_with}:"
        f" {_verdict(found)}; a learned ranker {wins} the learnt profile.",
        f"Learnt from {found.n_training:,} users: {_described(found.profile, 'n_neighbours')}.",
        as_table([*columns, "LambdaMART", "difference to learnt, 95 %"], rows),
    ]


def _verdict(found: Tuned) -> str:
    return "a significant gain" if found.significant else "no significant gain"


def _described(profile: Profile, depth: str) -> str:
    weights = ", ".join(f"{name} = {value:g}" for name, value in profile.weights.items())
    return (
        f"n_candidates = {profile.n_candidates}, {depth} = {getattr(profile, depth)}, weights"
        f" {weights}"
    )


def _cells(one: Judged) -> list[str]:
    means = [f"{one.before:.3f}", f"{one.learnt:.3f}"]
    return [one.metric, f"{one.n_judged:,}", *means, str(one.difference)]
