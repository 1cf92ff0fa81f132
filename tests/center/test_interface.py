"""The interface as its OpenAPI description says it is, under schemathesis' input."""

from __future__ import annotations

import os
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

EXAMPLES = int(os.environ.get("BCONNECT_FUZZ", "12"))  # each operation
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)
STREAMS = "/stream"  # never end by themselves; tested with the pages that read them


def test_every_operation_keeps_its_word(centre: Any) -> None:
    client = centre.client("supervisor")
    headers = {
        "x-csrf-token": client.headers["x-csrf-token"],
        "cookie": "; ".join(f"{name}={value}" for name, value in client.cookies.items()),
    }
    schema = schemathesis.openapi.from_url(f"{centre.url}/api/openapi.json")
    tried, failed = 0, []
    for result in schema.get_all_operations():
        operation = result.ok()
        if STREAMS in operation.path or not operation.path.startswith("/api/"):
            continue
        tried += 1

        @settings(
            max_examples=EXAMPLES,
            database=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @_given(operation)
        def keeps(case: Any) -> None:
            case.call_and_validate(base_url=centre.url, headers=headers, checks=list(CHECKS))

        try:
            keeps()
        except Exception as error:
            failed.append(f"{operation.label}: {error}")
    assert tried > 0
    assert not failed, "\n\n".join(failed)


def _given(operation: Any) -> Any:
    from hypothesis import given

    return given(case=operation.as_strategy())


def test_nothing_is_told_to_strangers(centre: Any) -> None:
    """Every path of the description but the public ones turns away who is not signed in."""
    client = centre.client()
    described = client.get("/api/openapi.json").json()["paths"]
    open_to_all = {"/healthz", "/metrics"}
    for path, operations in described.items():
        if path in open_to_all or path.startswith(
            ("/api/public", "/intake", "/files", "/receipts")
        ):
            continue
        for method in operations:
            where = path
            for name in [part[1:-1] for part in path.split("/") if part.startswith("{")]:
                where = where.replace("{" + name + "}", "1")
            answer = client.request(method.upper(), where)
            assert answer.status_code in (401, 404, 405, 422), f"{method} {path}: {answer.text}"
            assert answer.status_code == 401 or "sign in" not in answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_changes_without_the_token(centre: Any, method: str) -> None:
    client = centre.client("supervisor")
    del client.headers["x-csrf-token"]
    described = client.get("/api/openapi.json").json()["paths"]
    for path, operations in described.items():
        if not path.startswith("/api/") or method.lower() not in operations:
            continue
        where = path
        for name in [part[1:-1] for part in path.split("/") if part.startswith("{")]:
            where = where.replace("{" + name + "}", "1")
        answer = client.request(method, where, json={})
        assert answer.status_code in (403, 422), f"{method} {path}: {answer.status_code}"
