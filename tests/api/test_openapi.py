"""The OpenAPI document: every operation under an id of its own, with the errors it may answer."""

from django.test import Client


def test_the_openapi_document_names_every_operation_once_and_its_errors(db: None) -> None:
    schema = Client().get("/api/v1/openapi.json").json()

    operations = [facts for methods in schema["paths"].values() for facts in methods.values()]
    ids = [facts["operationId"] for facts in operations]
    assert len(set(ids)) == len(ids)
    assert all("application/problem+json" in facts["responses"]["default"]["content"] for facts in operations)
    assert set(schema["components"]["schemas"]["Problem"]["required"]) == {"type", "title", "status", "detail"}
