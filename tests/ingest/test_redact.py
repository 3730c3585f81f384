from __future__ import annotations

import pytest

from streamtrack.ingest.redact import redact_text, redact_url


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("rtsp://cam.local:554/live", "rtsp://cam.local:554/live"),
        ("rtsp://admin:hunter2@cam.local/live", "rtsp://***@cam.local/live"),
        ("rtsp://admin@cam.local/live", "rtsp://***@cam.local/live"),
        ("rtsp://admin:p@ss:w@cam.local/live", "rtsp://***@cam.local/live"),
        ("rtsp://admin:pa/ss@cam.local/live", "rtsp://***@cam.local/live"),
        ("rtsp://admin:pa?ss#1@cam.local/live", "rtsp://***@cam.local/live"),
        ("rtsp://[fe80::1]:554/live@2", "rtsp://[fe80::1]:554/live@2"),
        ("rtsp://cam/live@2", "rtsp://cam/live@2"),
        ("http://cam/video?user=admin&password=hunter2&ch=1", "http://cam/video?user=***&password=***&ch=1"),
        ("http://cam/video?usr=a&pwd=b", "http://cam/video?usr=***&pwd=***"),
        ("https://cam/hls.m3u8?access_token=abc&n=1", "https://cam/hls.m3u8?access_token=***&n=1"),
        ("https://cam/hls.m3u8?X-Amz-Signature=abc", "https://cam/hls.m3u8?X-Amz-Signature=***"),
        (
            "rtsp://cam:554/user=admin&password=x&channel=1.sdp",
            "rtsp://cam:554/user=***&password=***&channel=1.sdp",
        ),
        ("http://cam/video?monkey=banana", "http://cam/video?monkey=banana"),
        ("clip.mp4", "clip.mp4"),
        ("u:hunter2@cam", "***@cam"),
        ("//u:hunter2@cam/live", "//***@cam/live"),
        ("rtsp//u:hunter2@cam/live", "rtsp//***@cam/live"),
        ("rtsp:/u:hunter2@cam/live", "***@cam/live"),
        (" rtsp://u:hunter2@cam:x/live", " ***@cam:x/live"),
        ("folder/1:2/a@3.mp4", "folder/***@3.mp4"),
        ("user:hunter2@cam:554/live", "***@cam:554/live"),
        ("user:hun/ter2@cam", "***@cam"),
        ("a@3.mp4", "a@3.mp4"),
        ("file:a@3.mp4", "file:a@3.mp4"),
        (r"C:\clips\a@3.mp4", r"C:\clips\a@3.mp4"),
        ("synthetic:demo?seed=3", "synthetic:demo?seed=3"),
    ],
)
def test_url_keeps_everything_but_its_credentials(url: str, safe: str) -> None:
    assert redact_url(url) == safe


@pytest.mark.parametrize(
    "text",
    [
        "cannot open 'rtsp://admin:hunter%2F2@cam/live'",
        "tcp://admin:hunter/2@cam:554 refused",
        "login hunter%2F2 refused",
        "login hunter/2 refused",
        "GET /?password=hunter/2",
    ],
)
def test_foreign_text_loses_the_password_however_it_spells_it(text: str) -> None:
    redacted = redact_text(text, "rtsp://admin:hunter%2F2@cam/live")

    assert "hunter" not in redacted


def test_foreign_text_keeps_its_meaning() -> None:
    redacted = redact_text("401 Unauthorized: rtsp://admin:hunter2@cam/live", "rtsp://admin:hunter2@cam/live")

    assert redacted == "401 Unauthorized: rtsp://***@cam/live"
