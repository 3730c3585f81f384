"""What `schemathesis` is told beside the OpenAPI: an overload that is told is no fault of the server's."""

from __future__ import annotations

from typing import Any

import schemathesis


@schemathesis.check
def no_untold_server_error(ctx: Any, response: Any, case: Any) -> None:
    """No 5xx but a 503 that says when to ask again; of /readyz a 503 is the answer."""
    status = response.status_code
    if status < 500 or case.operation.path == "/readyz":
        return
    assert status == 503, f"{status}: {response.text[:500]}"
    assert "retry-after" in {name.lower() for name in response.headers}, (
        f"503 without Retry-After: {response.text}"
    )


@schemathesis.check
def error_in_one_line(ctx: Any, response: Any, case: Any) -> None:
    """Every error is `{"error": "one line", "kind": "..."}`."""
    if response.status_code < 400 or case.method == "HEAD" or case.operation.path == "/readyz":
        return
    told = response.json()
    assert {"error", "kind"} <= set(told), response.text[:500]
    assert "\n" not in told["error"], response.text[:500]
