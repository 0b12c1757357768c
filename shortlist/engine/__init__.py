"""The use-cases, free of HTTP."""

from shortlist.engine.answering import Ranked
from shortlist.engine.answers import (
    BestMatch,
    Component,
    Item,
    RecommendAnswer,
    Result,
    SearchAnswer,
)
from shortlist.engine.cursor import decode_cursor
from shortlist.engine.explain import Explanation, WeightRange
from shortlist.engine.facets import Bin, CategoryCount, Facets, Histogram
from shortlist.engine.filters import Filter
from shortlist.engine.overview import CatalogAnswer, ProfileShown, catalog
from shortlist.engine.query import (
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
from shortlist.engine.search import item, popular, ranked, recommend, search, search_many, similar
from shortlist.engine.suggest import SuggestAnswer, Suggestion, SuggestQuery, suggest

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
