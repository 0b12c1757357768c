"""JSON bodies: what POST requests may say."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from service.schemas.parameters import MAX_ID_LENGTH, MAX_LISTED, explained
from shortlist.engine import MAX_BATCH, RecommendQuery, SearchQuery
from shortlist.engine.filters import Filter, Range
from shortlist.errors import InvalidParameter, MalformedRequest

Finite = Annotated[float, Field(allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)]
ItemIdIn = (
    Annotated[int, Field(ge=-(2**63), lt=2**63)]
    | Annotated[str, StringConstraints(min_length=1, max_length=MAX_ID_LENGTH)]
)
IdsIn = Annotated[list[ItemIdIn], Field(max_length=MAX_LISTED)]
NamesIn = Annotated[list[str], Field(max_length=MAX_LISTED)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class CategoriesIn(_Body):
    """At least one of `any`, every one of `all`, none of `none`."""

    any: NamesIn = []
    all: NamesIn = []
    none: NamesIn = []


class RangeIn(_Body):
    """Numbers from `min` to `max`, both included."""

    min: Finite | None = None
    max: Finite | None = None


class FiltersIn(_Body):
    """Conditions that an item must meet, all of them."""

    categories: CategoriesIn = CategoriesIn()
    ranges: Annotated[dict[str, RangeIn], Field(max_length=100)] = {}
    min_rating_count: Annotated[int, Field(ge=0)] | None = None
    min_mean_rating: Finite | None = None
    include_ids: IdsIn | None = None
    exclude_ids: IdsIn = []

    def to_filter(self) -> Filter:
        """The filter that this describes."""
        return Filter(
            any_of=tuple(self.categories.any),
            all_of=tuple(self.categories.all),
            none_of=tuple(self.categories.none),
            ranges={name: Range(one.min, one.max) for name, one in self.ranges.items()},
            min_rating_count=self.min_rating_count,
            min_mean_rating=self.min_mean_rating,
            include=None if self.include_ids is None else tuple(self.include_ids),
            exclude=tuple(self.exclude_ids),
        )


class RatedIn(_Body):
    """A liked item and how it was rated, on the catalogue's scale."""

    item_id: ItemIdIn
    rating: Finite


class ListBody(_Body):
    """What every list of results takes."""

    k: int | None = None
    n_candidates: int | None = None
    n_popular: int | None = None
    profile: str | None = None
    weights: Annotated[dict[str, Weight], Field(max_length=50)] = {}
    filters: FiltersIn = FiltersIn()
    diversity: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.0
    min_score: Finite | None = None
    explain: bool = False
    facets: NamesIn = []
    cursor: str | None = None

    def options(self) -> dict[str, Any]:
        """The engine's options."""
        return {
            "k": self.k,
            "n_candidates": self.n_candidates,
            "n_popular": self.n_popular,
            "profile": self.profile,
            "weights": dict(self.weights),
            "filter": self.filters.to_filter(),
            "diversity": self.diversity,
            "min_score": self.min_score,
            "explain": self.explain,
            "facets": tuple(self.facets),
            "cursor": self.cursor,
        }


class SearchBody(ListBody):
    """The body of POST /v1/search."""

    q: str

    def to_query(self) -> SearchQuery:
        """The search that this body asks for."""
        return SearchQuery(self.q, **self.options())


class RecommendBody(ListBody):
    """The body of POST /v1/recommend."""

    liked: Annotated[list[ItemIdIn | RatedIn], Field(max_length=MAX_LISTED)] = []
    disliked: IdsIn = []
    text: str = ""
    n_neighbours: int | None = None

    def to_query(self) -> RecommendQuery:
        """The recommendations that this body asks for."""
        rated = {one.item_id: one.rating for one in self.liked if isinstance(one, RatedIn)}
        liked = (one.item_id if isinstance(one, RatedIn) else one for one in self.liked)
        options = {**self.options(), "n_neighbours": self.n_neighbours}
        return RecommendQuery(tuple(liked), tuple(self.disliked), self.text, rated, **options)


class BatchBody(_Body):
    """The body of POST /v1/search/batch: each query is that of POST /v1/search."""

    queries: list[dict[str, Any]] = Field(min_length=1, max_length=MAX_BATCH)


B = TypeVar("B", bound=BaseModel)


def parse_body(model: type[B], content: bytes) -> B:
    """The body in these bytes.

    Raises MalformedRequest for what is no JSON, InvalidParameter naming every field that is
    missing, unknown or out of range.
    """
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if first["type"] == "json_invalid":
            raise MalformedRequest(f"the body is not JSON: {first['msg']}") from error
        raise InvalidParameter.several(explained(error, model)) from error


def parse_entry(model: type[B], value: object) -> B:
    """One entry of a batch, already read from JSON; raises InvalidParameter."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise InvalidParameter.several(explained(error, model)) from error
