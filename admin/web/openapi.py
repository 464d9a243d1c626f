"""The OpenAPI document of the JSON interface, made from the declared routes: it cannot say anything else than they do."""

import inspect
import re
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import models_json_schema

from admin.web.route import Route, Taken

_REF = "#/components/schemas/{model}"
_ERRORS = {
    "401": "no token, or one that opens nothing", "403": "the token's role or tenants do not reach this",
    "404": "there is none, or none that the token may see", "409": "it is not allowed now; the sentence says what to do",
    "422": "what was sent cannot be taken", "503": "PostgreSQL or Redis is away",
}  # fmt: skip
_PARTS = {"int": {"type": "integer"}, "uuid": {"type": "string", "format": "uuid"}, "": {"type": "string"}}


def document(routes: Iterable[Route], origin: str) -> dict[str, Any]:
    """The document.

    Args:
        routes: all that are declared.
        origin: where the interface is reached.
    """
    found = [route for route in routes if route.api]
    schemas = _Schemas(found)
    paths: dict[str, dict[str, Any]] = {}
    for route in found:
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route.rule)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Lockgate's admin",
            "version": version("lockgate"),
            "description": "The same as the pages, under the same rules. Tokens are made by `lockgate admin token add`.",
        },
        "servers": [{"url": f"{origin}/api/v1"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": schemas.all | {"Error": _error()},
        },
    }


class _Schemas:
    """Every model, once; what is taken and what is given may differ."""

    def __init__(self, routes: list[Route]) -> None:
        taken = {route.takes for route in routes if route.takes is not None and route.method == "POST"}
        models, whole = models_json_schema([(model, "validation") for model in taken], ref_template=_REF)
        self.taken = {model: schema for (model, _), schema in models.items()}
        self.all: dict[str, Any] = dict(whole.get("$defs", {}))
        self.given: dict[str, Any] = {}
        for route in routes:
            if route.method == "GET":
                schema = TypeAdapter(route.gives).json_schema(mode="serialization", ref_template=_REF)
                self.all |= schema.pop("$defs", {})
                self.given[route.name] = schema


def _operation(route: Route, schemas: _Schemas) -> dict[str, Any]:
    said = {"type": "object", "properties": {"said": {"type": "string"}, "value": {}}, "required": ["said"]}
    told = schemas.given[route.name] if route.method == "GET" else said
    found: dict[str, Any] = {
        "operationId": route.name,
        "summary": (inspect.getdoc(route.view) or "").splitlines()[0],
        "description": f"Needs the role {route.needs}." if route.needs else "Needs no token.",
        "parameters": [*_parts(route), *_query(route)],
        "responses": {"200": _content("it is done" if route.method == "POST" else "as asked", told)}
        | {status: _content(why, {"$ref": _REF.format(model="Error")}) for status, why in _ERRORS.items()},
    }
    if route.needs is None:
        found["security"] = []
    if route.method == "POST" and route.takes is not None:
        found["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schemas.taken[route.takes]}},
        }
    return found


def _parts(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": _PARTS[kind]}
        for kind, name in re.findall(r"<(?:(\w+):)?(\w+)>", route.rule)
    ]


def _query(route: Route) -> list[dict[str, Any]]:
    if route.method != "GET" or route.takes is None:
        return []
    fields: dict[str, Any] = _flat(route.takes)
    return [{"name": name, "in": "query", "schema": schema} for name, schema in fields.items()]


def _flat(model: type[Taken]) -> dict[str, Any]:
    schema = model.model_json_schema()
    known: dict[str, Any] = schema.get("$defs", {})

    def whole(part: Any) -> Any:
        if isinstance(part, dict) and "$ref" in part:
            return known[part["$ref"].rpartition("/")[2]]
        if isinstance(part, dict):
            return {name: whole(value) for name, value in part.items()}
        return [whole(each) for each in part] if isinstance(part, list) else part

    return {name: whole(part) for name, part in schema["properties"].items()}


def _content(why: str, schema: Any) -> dict[str, Any]:
    return {"description": why, "content": {"application/json": {"schema": schema}}}


def _error() -> dict[str, Any]:
    return {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
