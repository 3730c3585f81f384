"""The judgement of a server's answer, without a server."""

from __future__ import annotations

from email.message import Message

import pytest

from streamtrack.weights.http_range import Refused, Retry, judge_response, request_headers, strong_etag


def headers(**fields: str) -> Message:
    message = Message()
    for name, value in fields.items():
        message[name.replace("_", "-")] = value
    return message


@pytest.mark.parametrize(
    ("status", "fields", "offset", "start"),
    [
        (200, {"Content_Length": "100"}, 0, 0),
        (200, {}, 0, 0),
        (200, {"Content_Length": "100"}, 40, 0),
        (206, {"Content_Range": "bytes 40-99/100", "Content_Length": "60"}, 40, 40),
        (206, {"Content_Range": "bytes 40-59/100"}, 40, 40),
        (206, {"Content_Range": "bytes 40-99/*"}, 40, 40),
    ],
)
def test_useful_answer_tells_its_first_byte(
    status: int, fields: dict[str, str], offset: int, start: int
) -> None:
    assert judge_response(status, headers(**fields), offset, num_bytes=100) == start


@pytest.mark.parametrize(
    ("status", "fields", "message"),
    [
        (200, {"Content_Length": "99"}, "has 99 bytes, expected 100"),
        (206, {"Content_Range": "bytes 40-98/99"}, "has 99 bytes, expected 100"),
        (206, {"Content_Range": "bytes 41-99/100"}, "answered 206 to bytes 40-: 'bytes 41-99/100'"),
        (206, {"Content_Range": "bytes 40-100/*"}, "answered 206 to bytes 40-: 'bytes 40-100/*'"),
        (206, {}, "answered 206 to bytes 40-: 'no Content-Range'"),
        (416, {"Content_Range": "bytes */30"}, "has 30 bytes, expected 100"),
        (416, {"Content_Range": "bytes */100"}, "answered 416 to bytes 40-: 'bytes */100'"),
        (403, {}, "answered 403"),
        (302, {}, "answered 302"),
    ],
)
def test_answer_that_cannot_help_is_refused(status: int, fields: dict[str, str], message: str) -> None:
    with pytest.raises(Refused) as caught:
        judge_response(status, headers(**fields), 40, num_bytes=100)
    assert str(caught.value) == message


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_busy_answer_is_worth_another_try(status: int) -> None:
    with pytest.raises(Retry, match=f"answered {status}") as caught:
        judge_response(status, headers(Retry_After="7"), 0, num_bytes=100)
    assert caught.value.after_s == 7


def test_retry_after_as_a_date_is_not_guessed_at() -> None:
    with pytest.raises(Retry) as caught:
        judge_response(503, headers(Retry_After="Wed, 21 Oct 2026 07:28:00 GMT"), 0, num_bytes=100)
    assert caught.value.after_s is None


@pytest.mark.parametrize(("etag", "kept"), [('"v1"', '"v1"'), ('W/"v1"', None), ("", None)])
def test_only_a_strong_etag_is_kept(etag: str, kept: str | None) -> None:
    assert strong_etag(headers(ETag=etag)) == kept


def test_first_request_asks_for_the_whole_file() -> None:
    assert request_headers(0, '"v1"') == {"Accept-Encoding": "identity"}


def test_resuming_request_asks_for_the_rest_of_the_same_version() -> None:
    asked = request_headers(40, '"v1"')
    assert (asked["Range"], asked["If-Range"]) == ("bytes=40-", '"v1"')
    assert "If-Range" not in request_headers(40, None)
