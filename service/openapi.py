"""The OpenAPI 3.1 document, made from the models that validate and serialise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, TypeAdapter

from service.problem_details import MEDIA_TYPE
from service.schemas.answers import BatchAnswer
from service.schemas.bodies import BatchBody, RecommendBody, SearchBody
from service.schemas.parameters import (
    PopularParameters,
    SearchParameters,
    SimilarParameters,
    SuggestParameters,
)
from shortlist.engine import CatalogAnswer, Item, RecommendAnswer, SearchAnswer, SuggestAnswer

_TEMPLATE = "#/components/schemas/{model}"
_ALWAYS = (400, 401, 404, 405, 413, 422, 500, 503)


@dataclass(frozen=True)
class Operation:
    """One endpoint: what it takes, what it answers, and an example that runs."""

    method: str
    path: str
    summary: str
    response: Any
    parameters: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    statuses: Sequence[int] = ()
    example: str = ""
    body_example: dict[str, Any] = field(default_factory=dict)


OPERATIONS = (
    Operation(
        "get", "/v1/search", "Search by a text, or browse by a filter.", SearchAnswer,
        parameters=SearchParameters, statuses=(409, 410), example="q=space+travel&k=3",
    ),
    Operation(
        "post", "/v1/search", "Search, everything in a body.", SearchAnswer,
        body=SearchBody, statuses=(409, 410, 415),
        body_example={"q": "space travel", "k": 3, "filters": {"categories": {"any": ["Drama"]}}},
    ),
    Operation(
        "post", "/v1/search/batch", "Up to 256 searches at once.", BatchAnswer,
        body=BatchBody, statuses=(415,),
        body_example={"queries": [{"q": "space travel", "k": 1}, {"q": "a heist", "k": 1}]},
    ),
    Operation(
        "get", "/v1/suggest", "Complete a title.", SuggestAnswer,
        parameters=SuggestParameters, statuses=(409,), example="q=star&k=5",
    ),
    Operation(
        "get", "/v1/popular", "List by popularity.", SearchAnswer,
        parameters=PopularParameters, statuses=(409, 410), example="k=5",
    ),
    Operation(
        "post", "/v1/recommend", "Recommend for a taste.", RecommendAnswer,
        body=RecommendBody, statuses=(409, 410, 415),
        body_example={"text": "space travel", "k": 3},
    ),
    Operation("get", "/v1/catalog", "What there is: profiles, features, facets.", CatalogAnswer),
    Operation("get", "/v1/items/{item_id}", "One item.", Item, statuses=(304,)),
    Operation(
        "get", "/v1/items/{item_id}/similar", "Items like one.", SearchAnswer,
        parameters=SimilarParameters, statuses=(409, 410),
    ),
)  # fmt: skip


@cache
def document() -> dict[str, Any]:
    """The document; the same for every caller, who must not change it."""
    schemas: dict[str, Any] = {"Problem": _problem_schema()}
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _described(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Shortlist", "version": "1", "description": "Two-stage search."},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
        "security": [{}, {"key": []}],
    }


def _described(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "summary": operation.summary,
        "operationId": f"{operation.method}_{operation.path.strip('/').replace('/', '_')}".replace(
            "{item_id}", "item"
        ),
        "responses": {
            "200": _json_content("The answer.", _schema(operation.response, schemas)),
            **{str(status): _answered(status) for status in (*_ALWAYS, *operation.statuses)},
        },
    }
    parameters = _path_parameters(operation.path)
    if operation.parameters is not None:
        parameters += _query_parameters(operation.parameters, schemas)
    if parameters:
        described["parameters"] = parameters
    if operation.body is not None:
        content = {"schema": _schema(operation.body, schemas), "example": operation.body_example}
        described["requestBody"] = {"required": True, "content": {"application/json": content}}
    return described


def _path_parameters(path: str) -> list[dict[str, Any]]:
    if "{item_id}" not in path:
        return []
    schema = {"type": "string", "minLength": 1, "maxLength": 256}
    return [{"name": "item_id", "in": "path", "required": True, "schema": schema}]


def _query_parameters(model: type[BaseModel], schemas: dict[str, Any]) -> list[dict[str, Any]]:
    schema = model.model_json_schema(ref_template=_TEMPLATE)
    schemas.update(schema.get("$defs", {}))
    required = set(schema.get("required", ()))
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "description": one.get("description", f"Replaces the profile's {name}."),
            "schema": {key: value for key, value in one.items() if key != "description"},
        }
        for name, one in schema["properties"].items()
    ]


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


def _json_content(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _problem_schema() -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "type": "object",
        "required": ["type", "title", "status", "detail", "errors"],
        "properties": {
            "type": text,
            "title": text,
            "status": {"type": "integer"},
            "detail": text,
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["field", "message"],
                    "properties": {"field": text, "message": text},
                },
            },
        },
    }
