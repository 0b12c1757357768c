"""The use-cases, free of HTTP."""

from service.engine.answering import Ranked
from service.engine.answers import (
    BestMatch,
    Component,
    Item,
    RecommendAnswer,
    Result,
    SearchAnswer,
)
from service.engine.catalog import CatalogAnswer, ProfileShown, catalog
from service.engine.cursor import decode_cursor
from service.engine.explain import Explanation, WeightRange
from service.engine.facets import Bin, CategoryCount, Facets, Histogram
from service.engine.queries import (
    MAX_BATCH,
    MAX_CANDIDATES,
    MAX_LIKED,
    MAX_QUERY_CHARACTERS,
    Options,
    PopularQuery,
    RecommendQuery,
    SearchQuery,
    SimilarQuery,
)
from service.engine.search import item, popular, ranked, recommend, search, search_many, similar
from service.engine.suggest import SuggestAnswer, Suggestion, SuggestQuery, suggest
from service.filters import Filter

__all__ = [
    "MAX_BATCH",
    "MAX_CANDIDATES",
    "MAX_LIKED",
    "MAX_QUERY_CHARACTERS",
    "BestMatch",
    "Bin",
    "CatalogAnswer",
    "CategoryCount",
    "Component",
    "Explanation",
    "Facets",
    "Filter",
    "Histogram",
    "Item",
    "Options",
    "PopularQuery",
    "ProfileShown",
    "Ranked",
    "RecommendAnswer",
    "RecommendQuery",
    "Result",
    "SearchAnswer",
    "SearchQuery",
    "SimilarQuery",
    "SuggestAnswer",
    "SuggestQuery",
    "Suggestion",
    "WeightRange",
    "catalog",
    "decode_cursor",
    "item",
    "popular",
    "ranked",
    "recommend",
    "search",
    "search_many",
    "similar",
    "suggest",
]
