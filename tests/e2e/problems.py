"""Problem documents of the gateway."""

import requests


def assert_problem(response: requests.Response, status: int, slug: str) -> None:
    """Fail unless a response is the problem document of this type, with a request id."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    document = response.json()
    assert set(document) == {"type", "title", "status", "detail", "error"}
    assert document["error"] == f"{document['title']}: {document['detail']}"
    assert (response.json()["type"], response.json()["status"]) == (f"/problems/{slug}", status)
    assert response.headers["X-Request-Id"]
