"""The API's reference, rendered from the OpenAPI document itself, so that it cannot lag behind."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from documents.api.schemas import Problem
from documents.api.urls import api
from documents.http.problems import PROBLEM_TYPE

PROBLEM = "#/components/schemas/Problem"


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path, as the page shows it. ``anchor`` is its id in the page."""

    method: str
    path: str
    summary: str
    description: str
    anchor: str
    parameters: list[dict[str, Any]]
    bodies: list[dict[str, Any]]
    answers: list[dict[str, Any]]


@require_safe
def openapi_document(_request: HttpRequest) -> JsonResponse:
    """The OpenAPI document, for programs. Public, as the page is."""
    return JsonResponse(api_schema())


@require_safe
def api_docs(request: HttpRequest) -> HttpResponse:
    """Show every operation of the API. Public: it says nothing that the source does not."""
    schema = api_schema()
    operations = [
        _operation(schema, path, method, facts)
        for path, methods in schema["paths"].items()
        for method, facts in methods.items()
    ]
    base_url = request.build_absolute_uri("/").rstrip("/")
    context = {"info": schema["info"], "operations": operations, "base_url": base_url}
    return render(request, "api_docs.html", context)


def api_schema() -> dict[str, Any]:
    """Return the OpenAPI document, with an id for every operation and the problem document that each may answer."""
    schema: dict[str, Any] = api.get_openapi_schema()
    schema["components"]["schemas"]["Problem"] = Problem.model_json_schema()
    problem = {"description": "a problem (RFC 9457)", "content": {PROBLEM_TYPE: {"schema": {"$ref": PROBLEM}}}}
    for methods in schema["paths"].values():
        for facts in methods.values():
            facts["responses"]["default"] = problem
        if "head" in methods:  # of one function with "get", and one object with it here
            methods["head"] = {**methods["head"], "operationId": methods["head"]["operationId"] + "_head"}
    return schema


def _operation(schema: dict[str, Any], path: str, method: str, facts: dict[str, Any]) -> Operation:
    bodies = facts.get("requestBody", {}).get("content", {})
    return Operation(
        method=method.upper(),
        path=path,
        summary=facts.get("summary", ""),
        description=facts.get("description", "").replace("``", ""),
        anchor=f"{method}-{facts['operationId']}",
        parameters=facts.get("parameters", []),
        bodies=[{"type": name, "fields": _fields(schema, body.get("schema", {}))} for name, body in bodies.items()],
        answers=[_answer(schema, status, answer) for status, answer in facts.get("responses", {}).items()],
    )


def _answer(schema: dict[str, Any], status: str | int, answer: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = next(iter(answer.get("content", {}).values()), {})
    return {
        "status": status,
        "description": answer.get("description", ""),
        "fields": _fields(schema, content.get("schema", {})),
    }


def _fields(schema: dict[str, Any], shape: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the properties of an object, one level deep; a body that is no object has none."""
    resolved = _resolved(schema, shape)
    required = resolved.get("required", [])
    return [
        {
            "name": name,
            "type": _type_of(schema, facts),
            "required": name in required,
            "description": facts.get("description", ""),
        }
        for name, facts in resolved.get("properties", {}).items()
    ]


def _type_of(schema: dict[str, Any], facts: dict[str, Any]) -> str:
    if choices := facts.get("anyOf"):
        return " or ".join(_type_of(schema, choice) for choice in choices)
    if facts.get("type") == "array":
        return f"list of {_type_of(schema, facts.get('items', {}))}"
    name = str(facts.get("$ref", "")).rpartition("/")[2]
    return name or str(facts.get("format") or facts.get("type", "any"))


def _resolved(schema: dict[str, Any], shape: dict[str, Any]) -> dict[str, Any]:
    name = str(shape.get("$ref", "")).rpartition("/")[2]
    found: dict[str, Any] = schema["components"]["schemas"][name] if name else shape
    return found
