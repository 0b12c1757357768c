"""manifest.json: the description of a bundle, as a value that validates itself."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from shortlist.errors import BundleCorrupt, BundleUnsupported

FORMAT_VERSION = 6
"""2 added the features beyond similarity and popularity, and `n_popular`; 3 those of a taste,
`n_neighbours`, and the profiles of similar items and of recommendations; 4 those of words, and
`n_words`; 5 attributes that are booleans, and texts as codes of a dictionary; 6 those that are
times, lists and points, and what is displayed."""

Count = Annotated[int, Field(ge=0)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Weight = Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)]

_VERSION = re.compile(r"^\d{8}T\d{6}\.\d{3}Z-[0-9a-f]{12}$", re.ASCII)


class _Value(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Profile(_Value):
    """A named set of weights over features, and how many candidates they order.

    Retrieval brings `n_candidates` items; `n_popular` of those with the most ratings are
    candidates as well, whatever the query. Where a feature of a taste has a weight, so are the
    `n_neighbours` that it says most of; where words have one, the `n_words` that have most of them.
    """

    n_candidates: int = Field(default=50, ge=1, le=1000)
    n_popular: int = Field(default=0, ge=0, le=1000)
    n_neighbours: int = Field(default=200, ge=0, le=1000)
    n_words: int = Field(default=100, ge=0, le=1000)
    weights: dict[str, Weight]

    @field_validator("weights")
    @classmethod
    def _some_weight(cls, weights: dict[str, float]) -> dict[str, float]:
        if not any(weights.values()):
            raise ValueError("expected at least one weight above 0")
        return weights


NOTEBOOK_PROFILE = Profile(n_candidates=50, weights={"similarity": 0.7, "popularity": 0.3})
STANDARD_PROFILE = Profile(
    weights={
        **{"similarity": 1.0, "words": 0.4, "coverage": 0.3, "labels": 0.3},
        **{"title_match": 1.2, "title_prefix": 0.4, "rating_volume": 0.3},
    }
)
"""What texts are ranked by where a catalogue names nothing else.

Chosen by hand on three catalogues: MovieLens and the sample, which have labels and ratings, and the
63,666 packages of Debian 12, which have names and a line each."""

RELATED_PROFILE = Profile(
    n_candidates=100,
    weights={"similarity": 0.3, "words": 1.5, "co_liked": 1.0, "rating_volume": 0.1},
)
TASTE_PROFILE = Profile(
    n_candidates=100, weights={"similarity": 0.2, "collaborative": 1.0, "rating_volume": 0.1}
)
STEERED_PROFILE = Profile(
    n_candidates=100,
    weights={
        **{"coverage": 2.0, "text_similarity": 0.3, "co_liked": 1.5, "collaborative": 0.2},
        **{"similarity": 0.05, "popularity": 0.35, "rating_volume": 0.1},
    },
)
"""What similar items, recommendations, and those that a text steers are ranked by where a catalogue
says nothing else.

Chosen by hand: the first two on MovieLens, where `make tune` finds nothing significantly better;
the third on half of the users of MovieLens and of the sample."""


ROLES = ("similar_profile", "recommend_profile", "steered_profile")
"""The lists that may have a profile of their own: of an item, of a taste, of one with a text."""


class Reads(_Value):
    """How texts speak of a numeric attribute: as a year, as minutes, or as a number of `units`."""

    kind: Literal["year", "minutes", "number"]
    units: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=40)], ...],
                     Field(max_length=20)] = ()  # fmt: skip


class AttributeInfo(_Value):
    """How people read an attribute: its label, the unit of its numbers and how many decimals."""

    label: str | None = Field(default=None, min_length=1, max_length=80)
    unit: str | None = Field(default=None, min_length=1, max_length=20)
    decimals: int | None = Field(default=None, ge=0, le=9)


class CatalogInfo(_Value):
    """Which catalogue the bundle holds, and the template its documents follow."""

    name: str
    template: str


class EncoderInfo(_Value):
    """The identity of the model: equal values give equal vectors for equal texts."""

    name: str
    weights_sha256: Sha256
    query_prompt: str
    document_prompt: str
    max_length: int = Field(ge=1)
    precision: str = Field(pattern=r"^(f32|bf16)$")


class Counts(_Value):
    """How much went in; `dropped_*` are rows that named an unknown item."""

    items: int = Field(ge=1)
    tags: Count
    ratings: Count
    dropped_tags: Count
    dropped_ratings: Count


class PopularityInfo(_Value):
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


class RetrievalInfo(_Value):
    """The retrieval backend, its file and how close to exact search it was measured.

    `filtered_recall` is the recall at 50 under a filter, by the share of rows it lets pass.
    """

    backend: str
    file: str
    type: str
    exact: bool
    params: dict[str, int | float | str] = {}
    recall: float | None = None
    p50_ms: float | None = None
    filtered_recall: dict[str, float] | None = None


class Section(_Value):
    """An optional part of a bundle; `required` says whether serving may go on without it."""

    version: int = Field(ge=1)
    required: bool = False
    files: tuple[str, ...]
    params: dict[str, int | float | str | bool] = {}


class FileInfo(_Value):
    """Size in bytes and checksum of one file."""

    size: Count
    sha256: Sha256


class Manifest(_Value):
    """Everything a reader needs to know before it opens another file of the bundle."""

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
    reads: Annotated[dict[str, Reads], Field(max_length=20)] = {}
    attributes: Annotated[dict[str, AttributeInfo], Field(max_length=100)] = {}
    retrieval: RetrievalInfo
    sections: dict[str, Section]
    files: dict[str, FileInfo]
    libraries: dict[str, str]

    def age_s(self, now: datetime | None = None) -> float:
        """Seconds since the bundle was made, 0 where the clock of its host ran ahead."""
        passed = (now or datetime.now(UTC)) - parse_time(self.created_at)
        return max(0.0, passed.total_seconds())

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
