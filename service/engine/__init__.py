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
from service.engine.cursor import decode_cursor
from service.engine.explain import Explanation, WeightRange
from service.engine.facets import Bin, CategoryCount, Facets, Histogram
from service.engine.queries import (
    MAX_BATCH,
    MAX_CANDIDATES,
    MAX_QUERY_CHARACTERS,
    Options,
    PopularQuery,
    RecommendQuery,
    SearchQuery,
    SimilarQuery,
)
from service.engine.search import item, popular, ranked, recommend, search, search_many, similar
from service.engine.suggest import SuggestAnswer, Suggestion, SuggestQuery, suggest

__all__ = [
    "MAX_BATCH",
    "MAX_CANDIDATES",
    "MAX_QUERY_CHARACTERS",
    "BestMatch",
    "Bin",
    "CategoryCount",
    "Component",
    "Explanation",
    "Facets",
    "Histogram",
    "Item",
    "Options",
    "PopularQuery",
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
