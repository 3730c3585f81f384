"""The page's files, MJPEG and snapshots over a real HTTP server."""

from __future__ import annotations

import asyncio
import re

import numpy as np

from streamtrack.frame import FrameResult
from streamtrack.video.follow_view import HEIGHT_PX, WIDTH_PX
from streamtrack.video.palette import palette
from tests.support.image_files import decode_image
from tests.support.video import pushing, read_code, result, until
from tests.support.whep import listening, opened


def jpeg_code(data: bytes) -> int:
    return read_code(decode_image(data))


async def test_motion_jpeg_brings_pictures_in_order_and_the_viewer_is_forgotten() -> None:
    async with opened(max_viewers=1) as endpoint, listening(endpoint) as http:
        with pushing(endpoint.stream, fps=15):
            async with http.stream("GET", "/streams/cam/mjpeg", timeout=10) as answer:
                assert answer.headers["content-type"] == "multipart/x-mixed-replace; boundary=picture"
                data = b""
                async with asyncio.timeout(20):
                    async for chunk in answer.aiter_raw():
                        data += chunk
                        if data.count(b"--picture") > 6:
                            break
                assert endpoint.stream.num_viewers == 1
                full = await http.get("/streams/cam/mjpeg")
                assert (full.status_code, full.headers["retry-after"]) == (503, "2")
            await until(lambda: endpoint.stream.num_viewers == 0)
    parts = re.findall(rb"Content-Length: (\d+)\r\n\r\n(.*?)\r\n--picture", data, re.DOTALL)
    assert all(int(length) == len(jpeg) for length, jpeg in parts)
    codes = [jpeg_code(jpeg) for _, jpeg in parts]
    assert len(codes) >= 5, "seven were begun, and the last is cut"
    assert codes == sorted(set(codes))


async def test_follow_view_is_motion_jpeg_of_one_object_and_names_who_is_not_followed() -> None:
    async with opened() as door, listening(door) as http:
        with pushing(door.stream):
            async with http.stream("GET", "/streams/cam/follow/1", timeout=10) as answer:
                assert answer.headers["content-type"].startswith("multipart/x-mixed-replace")
                data = b""
                async for chunk in answer.aiter_bytes():
                    data += chunk
                    if data.count(b"\xff\xd9") > 1:
                        break
        picture = decode_image(data[data.index(b"\xff\xd8") : data.index(b"\xff\xd9") + 2])
        assert picture.shape == (HEIGHT_PX, WIDTH_PX, 3)
        unknown = await http.get("/streams/cam/follow/7")
        assert (unknown.status_code, unknown.json()["kind"]) == (404, "unknown_object")
        assert unknown.json()["error"] == "cam: object_id is 7, expected one that is followed: 1"


async def test_small_view_of_a_wide_frame_is_small() -> None:
    async with opened() as door:
        door.stream.push(result(3, {}, image=np.zeros((720, 1280, 3), np.uint8)))
        answer = await door.http.get("/streams/cam/snapshot.jpg?view=small")
        assert decode_image(answer.content).shape == (180, 320, 3)
        unknown = await door.http.get("/streams/cam/snapshot.jpg?view=huge")
        assert (unknown.status_code, unknown.json()["kind"]) == (404, "unknown_view")


async def test_snapshot_is_the_newest_picture() -> None:
    pushed = []

    def noted(index: int) -> FrameResult:
        pushed.append(index)
        return result(index)

    async with opened() as endpoint:
        with pushing(endpoint.stream, fps=15, make=noted):
            await until(lambda: len(pushed) > 3)
            before = pushed[-1]
            answer = await endpoint.http.get("/streams/cam/snapshot.jpg")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "no-store"
    assert before <= jpeg_code(answer.content) <= pushed[-1]


async def test_snapshot_before_the_first_picture_asks_to_come_back() -> None:
    async with opened() as endpoint:
        answer = await endpoint.http.get("/streams/cam/snapshot.jpg")
    assert (answer.status_code, answer.headers["retry-after"]) == (409, "2")
    assert answer.json() == {"error": "stream cam: there is no picture yet", "kind": "offline"}


async def test_unknown_stream_is_404_at_every_door() -> None:
    async with opened() as endpoint:
        for path in ("/streams/x/mjpeg", "/streams/x/snapshot.jpg"):
            answer = await endpoint.http.get(path)
            assert (answer.status_code, answer.json()) == (
                404,
                {"error": "stream is 'x', expected one of: cam", "kind": "unknown_stream"},
            )
        assert (
            await endpoint.http.get("/whep/sessions/x/frame", params={"rtp_timestamp": 1})
        ).status_code == 404
        assert (await endpoint.http.delete("/whep/sessions/x")).status_code == 404


async def test_page_files_come_with_their_types_and_a_strict_policy() -> None:
    async with opened() as endpoint:
        page = await endpoint.http.get("/")
        assert page.headers["content-type"].startswith("text/html")
        assert "unsafe-inline" not in page.headers["content-security-policy"]
        for kind, name in re.findall(r'(src|href)="/web/([^"]+)"', page.text):
            answer = await endpoint.http.get(f"/web/{name}")
            assert answer.status_code == 200, (kind, name)
            assert answer.headers["x-content-type-options"] == "nosniff"
        script = await endpoint.http.get("/web/app.js")
        assert "javascript" in script.headers["content-type"]
        for name in re.findall(r'from "\./([^"]+)"', script.text):
            assert (await endpoint.http.get(f"/web/{name}")).status_code == 200
        assert (await endpoint.http.get("/web/palette.json")).json() == palette()
        assert (await endpoint.http.get("/web/..%2Fwhep.py")).status_code == 404
