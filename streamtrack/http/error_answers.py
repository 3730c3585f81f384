"""Every error as `{"error": "one line", "kind": "its name for machines"}`."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from streamtrack.config.faults import describe_faults
from streamtrack.control.untrusted import one_line
from streamtrack.errors import CapacityError, PromptError, StreamOfflineError, StreamTrackError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

RETRY_AFTER_S = 2
"""After which it is worth to ask again for what there was no place or no picture for."""
KINDS = {
    404: "not_found",
    405: "method_not_allowed",
    412: "precondition_failed",
    428: "precondition_required",
}
"""Of the errors that are HTTP's own and no other endpoint has."""


def add_error_answers(app: FastAPI) -> None:
    """Answer whatever the routes of this app raise on purpose."""
    app.add_exception_handler(StreamTrackError, _answer_streamtrack_error)
    app.add_exception_handler(RequestValidationError, _answer_validation_error)
    app.add_exception_handler(HTTPException, _answer_http_exception)


def _error(status: int, message: str, kind: str) -> JSONResponse:
    return JSONResponse({"error": one_line(message), "kind": kind}, status_code=status)


async def _answer_streamtrack_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, StreamTrackError)
    answer = _error(error.http_status, str(error), error.kind)
    if isinstance(error, StreamOfflineError | CapacityError):
        answer.headers["retry-after"] = str(RETRY_AFTER_S)
    return answer


async def _answer_validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    # The path's and the body's own names stand before each key: whoever called knows them.
    faults = [{**fault, "loc": fault["loc"][1:]} for fault in error.errors()]
    told = describe_faults(cast("list[ErrorDetails]", faults))
    return _error(HTTPStatus.UNPROCESSABLE_ENTITY, told, PromptError.kind)


async def _answer_http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    answer = _error(error.status_code, str(error.detail), KINDS.get(error.status_code, "bad_request"))
    answer.headers.update(error.headers or {})
    return answer
