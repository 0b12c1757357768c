"""The use-cases, free of HTTP."""

from service.engine.answers import BestMatch, Component, Result, SearchAnswer
from service.engine.queries import MAX_CANDIDATES, MAX_QUERY_CHARACTERS, SearchQuery
from service.engine.search import Ranked, ranked, search
from service.engine.suggest import SuggestAnswer, Suggestion, SuggestQuery, suggest

__all__ = [
    "MAX_CANDIDATES",
    "MAX_QUERY_CHARACTERS",
    "BestMatch",
    "Component",
    "Ranked",
    "Result",
    "SearchAnswer",
    "SearchQuery",
    "SuggestAnswer",
    "SuggestQuery",
    "Suggestion",
    "ranked",
    "search",
    "suggest",
]
