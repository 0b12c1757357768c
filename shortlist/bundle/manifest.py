"""manifest.json: the description of a bundle, as a value that validates itself."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import (
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from shortlist.bundle.experiment import Experiment
from shortlist.bundle.intake import Intake
from shortlist.bundle.profiles import ROLES, Profile, Value
from shortlist.bundle.wording import AttributeInfo, Reads
from shortlist.errors import BundleCorrupt, BundleUnsupported

FORMAT_VERSION = 8
"""2 added the features beyond similarity and popularity, and `n_popular`; 3 those of a taste,
`n_neighbours`, and the profiles of similar items and of recommendations; 4 those of words, and
`n_words`; 5 attributes that are booleans, and texts as codes of a dictionary; 6 those that are
times, lists and points, and what is displayed; 7 segments, and what changes may name;
8 an experiment, and indexes whose best rows are told by their vectors (`rescored`)."""

Count = Annotated[int, Field(ge=0)]
Span = tuple[Count, Count]
"""The first and the last of some sequence numbers."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

_VERSION = re.compile(r"^\d{8}T\d{6}\.\d{3}Z-[0-9a-f]{12}$", re.ASCII)


MOST_SEGMENTS = 100
MOST_SPANS = 1000
OF_SEGMENTS = ("titles", "words", "document_terms")
"""The sections that every segment has of its own."""


class CatalogInfo(Value):
    """Which catalogue the bundle holds, and the template its documents follow."""

    name: str
    template: str


class EncoderInfo(Value):
    """The identity of the model: equal values give equal vectors for equal texts."""

    name: str
    weights_sha256: Sha256
    query_prompt: str
    document_prompt: str
    max_length: int = Field(ge=1)
    precision: str = Field(pattern=r"^(f32|bf16)$")


class Counts(Value):
    """How much went in; `dropped_*` are rows that named an unknown item."""

    items: int = Field(ge=1)
    tags: Count
    ratings: Count
    dropped_tags: Count
    dropped_ratings: Count


class PopularityInfo(Value):
    """The weighted rating's constants: C on the rating scale, m in ratings.

    C is `mean_rating` in manifest.json; in the code that is one item's mean.
    """

    model_config = ConfigDict(populate_by_name=True)

    prior_mean: float = Field(validation_alias="mean_rating", serialization_alias="mean_rating")
    prior_count: float
    prior_quantile: float
    scale: tuple[float, float]

    @field_validator("scale")
    @classmethod
    def _rises(cls, scale: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= scale[0] < scale[1]:
            raise ValueError("expected 0 <= lowest < highest")
        return scale


class RetrievalInfo(Value):
    """The retrieval backend, its file and how close to exact search it was measured.

    `filtered_recall` is the recall at 50 under a filter, by the share of rows it lets pass.
    """

    backend: str
    file: str
    type: str
    exact: bool
    params: dict[str, int | float | str] = Field(default={})
    recall: float | None = None
    p50_ms: float | None = None
    filtered_recall: dict[str, float] | None = None


class Section(Value):
    """An optional part of a bundle; `required` says whether serving may go on without it."""

    version: int = Field(ge=1)
    required: bool = False
    files: tuple[str, ...]
    params: dict[str, int | float | str | bool] = Field(default={})


class FileInfo(Value):
    """Size in bytes and checksum of one file."""

    size: Count
    sha256: Sha256


class SegmentInfo(Value):
    """An immutable part of a version: `entries` items, of which `live` still are in the catalogue.

    `sections` are the parts that it may lack, by name; their files lie in the segment's folder.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9]{0,40}$")]
    entries: int = Field(ge=1)
    live: Count
    retrieval: RetrievalInfo
    sections: dict[str, Section]


class Manifest(Value):
    """Everything a reader needs to know before it opens another file of the bundle.

    `recall` is the measured recall at 50 of all segments together, None where all are exact.
    """

    format_version: int
    created_at: str
    catalog: CatalogInfo
    encoder: EncoderInfo
    embedding_dim: int = Field(ge=1)
    metric: Literal["inner_product"]
    counts: Counts
    popularity: PopularityInfo | None
    profiles: dict[str, Profile]
    default_profile: str
    similar_profile: str | None = None
    recommend_profile: str | None = None
    steered_profile: str | None = None
    experiment: Experiment | None = None
    reads: Annotated[dict[str, Reads], Field(max_length=20)] = Field(default={})
    attributes: Annotated[dict[str, AttributeInfo], Field(max_length=100)] = Field(default={})
    segments: Annotated[tuple[SegmentInfo, ...], Field(max_length=MOST_SEGMENTS)] = ()
    retrieval: RetrievalInfo | None = None
    recall: float | None = None
    sections: dict[str, Section]
    intake: Intake | None = None
    applied: dict[str, Count] = Field(default={})
    taken_back: Annotated[tuple[Span, ...], Field(max_length=MOST_SPANS)] = ()
    files: dict[str, FileInfo]
    libraries: dict[str, str]

    @property
    def parts(self) -> tuple[SegmentInfo, ...]:
        """The segments; a bundle from before there were any is one, with no name and no folder."""
        if self.retrieval is None:
            return self.segments
        n_items = self.counts.items
        own = {name: one for name, one in self.sections.items() if name in OF_SEGMENTS}
        whole = SegmentInfo(
            name="", entries=n_items, live=n_items, retrieval=self.retrieval, sections=own
        )
        return (whole,)

    def age_s(self, now: datetime | None = None) -> float:
        """Seconds since the bundle was made, 0 where the clock of its host ran ahead."""
        passed = (now or datetime.now(UTC)) - parse_time(self.created_at)
        return max(0.0, passed.total_seconds())

    def shares(self, other: Manifest, names: Iterable[str]) -> bool:
        """Whether both describe each of these files, and describe it alike."""
        return all(
            name in self.files and self.files[name] == other.files.get(name) for name in names
        )

    def has_content_of(self, other: Manifest) -> bool:
        """Whether both describe the same files and settings, whenever and with what made."""
        made = {"created_at", "libraries"}
        return self.model_dump(exclude=made) == other.model_dump(exclude=made)

    @field_validator("created_at")
    @classmethod
    def _is_utc_time(cls, created_at: str) -> str:
        parse_time(created_at)
        return created_at

    @field_validator("default_profile", *ROLES)
    @classmethod
    def _is_a_profile(cls, name: str | None, info: ValidationInfo) -> str | None:
        known = info.data.get("profiles", {})
        if name is not None and name not in known:
            raise ValueError(f"expected one of: {', '.join(sorted(known))}; found {name[:80]!r}")
        return name

    @field_validator("experiment")
    @classmethod
    def _compares_profiles(
        cls, experiment: Experiment | None, info: ValidationInfo
    ) -> Experiment | None:
        if experiment is not None:
            experiment.check(info.data.get("profiles", {}), info.data.get("default_profile", ""))
        return experiment

    @model_validator(mode="after")
    def _has_one_index_or_segments(self) -> Self:
        names = {one.name for one in self.segments}
        unnamed = "" in names or len(names) < len(self.segments)
        if bool(self.segments) is (self.retrieval is not None) or unnamed:
            raise ValueError("expected segments, each with a name of its own, or retrieval")
        return self

    @field_validator("files")
    @classmethod
    def _stay_inside(cls, files: dict[str, FileInfo]) -> dict[str, FileInfo]:
        for name in files:
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts or "\\" in name or str(path) != name:
                raise ValueError(f"file name {name!r} leaves the bundle")
        return files


def encode_manifest(manifest: Manifest) -> bytes:
    """The bytes of manifest.json: sorted keys, so that equal manifests are equal bytes."""
    plain = manifest.model_dump(mode="json", by_alias=True)
    text = json.dumps(plain, indent=1, sort_keys=True, allow_nan=False)
    return f"{text}\n".encode()


def decode_manifest(content: bytes) -> Manifest:
    """The manifest in these bytes.

    Raises BundleUnsupported for a later format version (looked at before anything else) and
    BundleCorrupt for anything that is no manifest of this or an earlier format.
    """
    try:
        raw = json.loads(content)
        found = raw["format_version"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BundleCorrupt(f"manifest.json: not a manifest: {error!r}") from error
    if type(found) is not int or found < 1:
        raise BundleCorrupt(f"manifest.json: format_version: expected an integer, found {found!r}")
    if found > FORMAT_VERSION:
        raise BundleUnsupported(
            f"manifest.json: format {found} is later than {FORMAT_VERSION}, the latest this"
            " program reads; upgrade the program or publish with the older one"
        )
    try:
        return Manifest.model_validate_json(content, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BundleCorrupt(f"manifest.json: {where}: {first['msg']}") from error


def version_name(created_at: str, manifest_content: bytes) -> str:
    """`<time>-<first 12 hex digits of the manifest's SHA-256>`: a time by the builder's clock."""
    compact = created_at.replace("-", "").replace(":", "")
    return f"{compact}-{hashlib.sha256(manifest_content).hexdigest()[:12]}"


def is_version_name(name: str) -> bool:
    """Whether `name` has the form of a version; says nothing of its existence."""
    return _VERSION.fullmatch(name) is not None


def format_time(moment: datetime) -> str:
    """UTC with milliseconds, as `2026-11-23T04:15:00.123Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: str) -> datetime:
    """The moment that `format_time` wrote. Raises ValueError for another form."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
