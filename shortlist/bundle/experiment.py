"""An experiment: two profiles that searches are ranked by, to learn which people prefer."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from shortlist.bundle.profiles import Profile, Value

MOST_INTERLEAVED = 0.9
"""Guards compare interleaved searches with those that are not: some have to be left."""

Share = Annotated[float, Field(ge=0, le=1)]


class Variant(StrEnum):
    """The side of an experiment that ranks."""

    CONTROL = "control"
    CANDIDATE = "candidate"


class GuardLimits(Value):
    """How much worse than without the candidate searches may get before an experiment is stopped.

    Differences of the shares of searches without a result and of searches that fail, and the ratio
    of the 99th percentiles of the time an answer takes.
    """

    no_results: Share = 0.02
    errors: Share = 0.01
    p99_ratio: float = Field(default=1.5, ge=1, le=100)


class Experiment(Value):
    """Which searches are ranked by `candidate` to compare it with `control`, the default profile.

    `interleaved` drafts one list from both; `split` gives a person the one or the other. `share` of
    the people take part, the others are ranked by the control. An experiment that has been stopped
    stays so: another one has another name.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
    control: str
    candidate: str
    kind: Literal["interleaved", "split"] = "interleaved"
    share: float = Field(default=0.5, gt=0, le=1)
    guard: GuardLimits = GuardLimits()

    @model_validator(mode="after")
    def _can_be_judged(self) -> Self:
        if self.candidate == self.control:
            raise ValueError("expected two profiles, found one twice")
        if self.kind == "interleaved" and self.share > MOST_INTERLEAVED:
            raise ValueError(
                f"share: expected at most {MOST_INTERLEAVED} where lists are interleaved: guards"
                " compare with searches that take no part"
            )
        return self

    def check(self, profiles: dict[str, Profile], default_profile: str) -> None:
        """Raise ValueError unless these profiles can be compared by searches of a catalogue."""
        for role, name in (("control", self.control), ("candidate", self.candidate)):
            if name not in profiles:
                known = ", ".join(sorted(profiles))
                raise ValueError(f"{role}: expected one of: {known}; found {name[:80]!r}")
        if self.control != default_profile:
            raise ValueError(
                f"control: expected the default_profile {default_profile!r}, by which searches"
                f" outside the experiment are ranked; found {self.control[:80]!r}"
            )
        least = profiles[self.control].n_candidates
        if profiles[self.candidate].n_candidates < least:
            raise ValueError(
                f"candidate: {self.candidate[:80]!r} ranks fewer candidates than the control"
                f" ({least}), so that searches for so many results would fail"
            )
