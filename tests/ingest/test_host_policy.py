from __future__ import annotations

import pytest

from streamtrack.ingest.host_policy import host_and_port, is_same_host, may_follow, with_own_credentials


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("rtsp://CAM/live", ("cam", 554)),
        ("http://admin:p%40ss@cam:8080/x?y=1", ("cam", 8080)),
        ("https://[FE80::1]/x", ("fe80::1", 443)),
        ("http://[::1]:81/x", ("::1", 81)),
        ("rtsps://cam", ("cam", 322)),
        ("http://cam:notaport/", ("", 0)),
        ("no url", ("", 0)),
    ],
)
def test_host_and_port_of_an_address(url: str, expected: tuple[str, int]) -> None:
    assert host_and_port(url) == expected


@pytest.mark.parametrize(
    ("own", "other", "named", "allowed"),
    [
        ("http://cam/a", "http://cam/b", (), True),
        ("http://cam/a", "http://CAM:80/b", (), True),
        ("http://cam/a", "https://cam/b", (), True),
        ("http://cam/a", "https://cam:444/b", (), False),
        ("https://cam/a", "http://cam/b", (), False),
        ("http://cam/a", "http://cam:8000/b", (), False),
        ("http://cam/a", "http://cam.evil.example/b", (), False),
        ("http://cam/a", "http://cam@evil.example/b", (), False),
        ("http://cam/a", "http://127.0.0.1/b", (), False),
        ("http://cam/a", "http://[::1]/b", (), False),
        ("http://cam/a", "http://cdn/b", ("CDN",), True),
        ("http://cam/a", "http://cdn:81/b", ("cdn:81",), True),
        ("http://cam/a", "http://cdn:82/b", ("cdn:81",), False),
        ("http://cam/a", "http://notcdn/b", ("cdn",), False),
        ("http://cam/a", "http://anyone:1/b", ("*",), True),
        ("http://cam/a", "file:///etc/passwd", ("*",), False),
        ("http://cam/a", "rtsp://cam:80/b", ("*",), False),
        ("rtsp://cam/a", "rtsp://cam:554/b", (), True),
        ("rtsp://cam/a", "http://cam:554/b", (), False),
        ("rtsp://cam/a", "rtsp://other/b", (), False),
    ],
)
def test_source_leads_to_its_own_host_and_to_those_that_are_named(
    own: str, other: str, named: tuple[str, ...], allowed: bool
) -> None:
    assert may_follow(own, other, named) is allowed


@pytest.mark.parametrize(
    ("own", "other", "expected"),
    [
        ("rtsp://u:p%40x@cam/a", "rtsp://cam/b", "rtsp://u:p%40x@cam/b"),
        ("rtsp://u:p@cam/a", "rtsp://cam:8554/b", "rtsp://cam:8554/b"),
        ("http://u:p@[::1]:81/a", "http://[::1]:81/b", "http://u:p@[::1]:81/b"),
        ("http://u:p@cam/a", "http://other/b", "http://other/b"),
        ("http://u:p@cam/a", "http://own:word@cam/b", "http://own:word@cam/b"),
        ("http://cam/a", "http://cam/b", "http://cam/b"),
    ],
)
def test_credentials_go_along_to_the_same_host_alone(own: str, other: str, expected: str) -> None:
    assert with_own_credentials(own, other) == expected


def test_what_was_encrypted_is_not_sent_in_the_clear() -> None:
    assert not is_same_host("https://cam:9000/a", "http://cam:9000/a")
    assert is_same_host("http://cam:9000/a", "https://cam:9000/a")
