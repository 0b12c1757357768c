"""The OpenAPI 3.1 document, made from the models that validate and serialise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

from service.event_requests import EventsBody, EventsTaken
from service.problems import MEDIA_TYPE
from service.requests import NEAR, RANGES, VALUES, spellings
from service.responses import BatchAnswer
from service.write_requests import ItemPatch, ItemsBody, WriteQuery
from service.writes import ChangeState
from shortlist.engine import query as queries
from shortlist.engine.answer import Answer, Item, RecommendAnswer
from shortlist.engine.conditions import MAX_ATTRIBUTES, MAX_LISTED
from shortlist.engine.overview import CatalogAnswer
from shortlist.engine.suggest import SuggestAnswer

_TEMPLATE = "#/components/schemas/{model}"
_JSON = "application/json"
_WRITE_KEY = "write_key"
_ALWAYS = (400, 401, 404, 405, 413, 422, 500, 503)


@dataclass(frozen=True)
class Operation:
    """One endpoint: the query it takes, what it answers, and an example that runs.

    `takes` are parameters beside a body. What has `key` asks for that one.
    """

    method: str
    path: str
    summary: str
    response: Any
    query: type[BaseModel] | None = None
    statuses: Sequence[int] = ()
    example: str = ""
    body_example: dict[str, Any] = field(default_factory=dict)
    takes: type[BaseModel] | None = None
    key: str | None = None

    @property
    def in_address(self) -> type[BaseModel] | None:
        """What its query string says."""
        return self.query if self.method == "get" else self.takes


OPERATIONS = (
    Operation(
        "get", "/v1/search", "Search by a text, or browse by a filter.", Answer,
        query=queries.SearchQuery, statuses=(409, 410), example="q=space+travel&k=3",
    ),
    Operation(
        "post", "/v1/search", "Search, everything in a body.", Answer,
        query=queries.SearchQuery, statuses=(409, 410, 415),
        body_example={"q": "space travel", "k": 3, "filters": {"categories": {"any": ["Drama"]}}},
    ),
    Operation(
        "post", "/v1/search/batch", "Up to 256 searches at once.", BatchAnswer,
        query=queries.BatchQuery, statuses=(415,),
        body_example={"queries": [{"q": "space travel", "k": 1}, {"q": "a heist", "k": 1}]},
    ),
    Operation(
        "get", "/v1/suggest", "Complete a title, a category or a tag.", SuggestAnswer,
        query=queries.SuggestQuery, statuses=(409,), example="q=star&k=5",
    ),
    Operation(
        "get", "/v1/popular", "List by popularity.", Answer,
        query=queries.PopularQuery, statuses=(409, 410), example="k=5",
    ),
    Operation(
        "post", "/v1/recommend", "Recommend for a taste.", RecommendAnswer,
        query=queries.RecommendQuery, statuses=(409, 410, 415),
        body_example={"text": "space travel", "k": 3},
    ),
    Operation(
        "get", "/v1/users/{user}/recommend", "Recommend to a user.", Answer,
        query=queries.UserQuery, statuses=(409, 410), example="k=3",
    ),
    Operation("get", "/v1/catalog", "What there is: profiles, features, facets.", CatalogAnswer),
    Operation("get", "/v1/items/{item_id}", "One item.", Item, statuses=(304,)),
    Operation(
        "get", "/v1/items/{item_id}/similar", "Items like one.", Answer,
        query=queries.SimilarQuery, statuses=(409, 410),
    ),
)  # fmt: skip

WRITES = (
    Operation(
        "post", "/v1/items", "Put up to 1,000 whole items in.", ChangeState,
        query=ItemsBody, takes=WriteQuery, statuses=(202, 409, 415), key=_WRITE_KEY,
        body_example={"items": [{"id": "1", "title": "The name of an item"}]},
    ),
    Operation(
        "patch", "/v1/items/{item_id}", "Exchange some columns of one item.", ChangeState,
        query=ItemPatch, takes=WriteQuery, statuses=(202, 409, 415), key=_WRITE_KEY,
        body_example={"title": "Another name"},
    ),
    Operation(
        "delete", "/v1/items/{item_id}", "Take one item out.", ChangeState,
        takes=WriteQuery, statuses=(202, 409), key=_WRITE_KEY,
    ),
    Operation(
        "get", "/v1/changes/{sequence}", "What became of a change.", ChangeState, key=_WRITE_KEY,
    ),
)  # fmt: skip
"""What is there only where items are changed over HTTP."""

EVENTS = (
    Operation(
        "post", "/v1/events", "Tell what people did with up to 1,000 items.", EventsTaken,
        query=EventsBody, statuses=(202, 415),
        body_example={"events": [{"type": "like", "item_id": 1, "user_id": "u1"}]},
    ),
)  # fmt: skip
"""What is there only where events are kept."""

LISTS = tuple(
    (one.path, one.method.upper(), one.query)
    for one in OPERATIONS
    if one.query is not None and issubclass(one.query, queries.Query) and "{" not in one.path
)
"""The endpoints that answer a query with a list and need nothing but the query."""


def operations(*, writes: bool = False, events: bool = False) -> tuple[Operation, ...]:
    """Every endpoint, with `writes` and `events` where items are changed and events are kept."""
    return (*OPERATIONS, *(WRITES if writes else ()), *(EVENTS if events else ()))


@cache
def document(*, writes: bool = False, events: bool = False) -> dict[str, Any]:
    """The document; with `writes` and `events` that of a service that takes these over HTTP.

    It is the same for every caller, who must not change it.
    """
    schemas: dict[str, Any] = {"Problem": _problem_schema()}
    paths: dict[str, Any] = {}
    for operation in operations(writes=writes, events=events):
        described = _described(operation, schemas)
        if events and operation in OPERATIONS:
            described.setdefault("parameters", []).append(_VISIT)
        paths.setdefault(operation.path, {})[operation.method] = described
    return {
        "openapi": "3.1.0",
        "info": {"title": "Shortlist", "version": "1", "description": "Two-stage search."},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": dict.fromkeys(("key", _WRITE_KEY)[: 1 + writes], _KEY),
        },
        "security": [{}, {"key": []}],
    }


_VISIT = {
    "name": "X-Session-ID",
    "in": "header",
    "description": "The visit that the request belongs to, as events name it; another is ignored.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,64}$"},
}
_KEY = {"type": "apiKey", "in": "header", "name": "X-API-Key"}


def _described(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    answer = {
        "description": "The answer.",
        "content": {_JSON: {"schema": _schema(operation.response, schemas)}},
    }
    described: dict[str, Any] = {
        "summary": operation.summary,
        "operationId": f"{operation.method}_{operation.path.strip('/').replace('/', '_')}".replace(
            "{item_id}", "item"
        )
        .replace("{sequence}", "sequence")
        .replace("{user}", "user"),
        "responses": {
            **{str(status): _answered(status) for status in (*_ALWAYS, *operation.statuses)},
            **{str(status): answer for status in {200, 202} & {200, *operation.statuses}},
        },
    }
    parameters = [one for one in _IN_PATHS if f"{{{one['name']}}}" in operation.path]
    if operation.in_address is not None:
        parameters += _query_parameters(operation.in_address)
    if parameters:
        described["parameters"] = parameters
    if operation.key is not None:
        described["security"] = [{operation.key: []}]
    if operation.method in {"post", "patch"}:
        content = {"schema": _schema(operation.query, schemas), "example": operation.body_example}
        described["requestBody"] = {"required": True, "content": {_JSON: content}}
    return described


_IN_PATHS: tuple[dict[str, Any], ...] = tuple(
    {"name": name, "in": "path", "required": True, "schema": schema}
    for name, schema in {
        "item_id": {"type": "string", "minLength": 1, "maxLength": 256},
        "sequence": {"type": "integer", "minimum": 1},
        "user": {"type": "string", "minLength": 1, "maxLength": queries.MAX_USER_CHARACTERS},
    }.items()
)


def _query_parameters(model: type[BaseModel]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "query",
            "required": one.field.is_required(),
            "description": one.field.description or f"Replaces the profile's {name}.",
            "schema": _PAIRED.get(one.path) or _schema_of(one.field),
        }
        for name, one in spellings(model).items()
    ]


def _listed(what: str, most: int) -> dict[str, Any]:
    items = {"type": "string", "description": what}
    return {"type": "array", "maxItems": most, "items": items}


_PAIRED: dict[tuple[str, ...], dict[str, Any]] = {
    RANGES: _listed("attribute:low:high, a bound may be empty", MAX_ATTRIBUTES),
    **dict.fromkeys(VALUES, _listed("attribute:value", MAX_LISTED)),
    NEAR: {"type": "string", "description": "latitude:longitude:km, km may be left out"},
}


def _schema_of(field: FieldInfo) -> dict[str, Any]:
    """What one parameter may be; to leave it out is not to send null."""
    annotated: Any = Annotated[field.annotation, field]
    schema = TypeAdapter(annotated).json_schema()
    schema.pop("description", None)
    several = [one for one in schema.pop("anyOf", ()) if one != {"type": "null"}]
    return {"anyOf": several} if len(several) > 1 else {**schema, **dict(*several)}


def _schema(model: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    mode: Any = "validation" if isinstance(model, type) and issubclass(model, BaseModel) else None
    schema = TypeAdapter(model).json_schema(mode=mode or "serialization", ref_template=_TEMPLATE)
    schemas.update(schema.pop("$defs", {}))
    schemas[model.__name__] = schema
    return {"$ref": _TEMPLATE.format(model=model.__name__)}


def _answered(status: int) -> dict[str, Any]:
    phrase = HTTPStatus(status).phrase
    if status == HTTPStatus.NOT_MODIFIED:
        return {"description": phrase}
    reference = {"$ref": _TEMPLATE.format(model="Problem")}
    return {"description": phrase, "content": {MEDIA_TYPE: {"schema": reference}}}


def _problem_schema() -> dict[str, Any]:
    text: dict[str, Any] = {"type": "string"}
    wrong = _object(field=text, message=text)
    errors = {"type": "array", "items": wrong}
    return _object(type=text, title=text, status={"type": "integer"}, detail=text, errors=errors)


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    """The schema of an object that has all of these."""
    return {"type": "object", "required": list(properties), "properties": properties}
