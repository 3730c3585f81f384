"""What nobody foresaw, and clients that hang up in the middle of what they send."""

from __future__ import annotations

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from streamtrack.http.answer_headers import UnexpectedErrors

SCOPE = {"type": "http", "method": "POST", "path": "/jobs"}


async def answers(error: Exception) -> list[Message]:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise error

    async def receive() -> Message:
        raise AssertionError("nothing is asked for")

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await UnexpectedErrors(app)(SCOPE, receive, send)
    return sent


async def test_client_that_hung_up_is_no_error_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    assert await answers(ClientDisconnect()) == []
    assert caplog.text == ""


async def test_what_nobody_foresaw_is_a_500_and_a_line(caplog: pytest.LogCaptureFixture) -> None:
    assert (await answers(RuntimeError("a secret")))[0]["status"] == 500
    assert "POST '/jobs' failed: RuntimeError" in caplog.text
    assert "a secret" not in caplog.text
