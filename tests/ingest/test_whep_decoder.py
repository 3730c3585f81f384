"""WHEP servers as cameras."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from streamtrack.config import SourceConfig
from streamtrack.errors import SourceLostError, SourceRefusedError
from streamtrack.ingest.decoder import Decoder, Picture
from streamtrack.ingest.open_decoder import prepare_source
from streamtrack.ingest.rtc_http import RtcAddress, rtc_address
from tests.support.video import HEIGHT, WIDTH, pushing, read_code, until
from tests.support.whep import Door, listening, opened


@asynccontextmanager
async def serving(keyframe_interval_s: float = 4) -> AsyncIterator[tuple[Door, str]]:
    async with opened(keyframe_interval_s=keyframe_interval_s) as door, listening(door) as http:
        with pushing(door.stream):
            yield door, f"whep://127.0.0.1:{http.base_url.port}/streams/cam/whep"


def read_picture(decoder: Decoder) -> Picture:
    while True:
        outcome = decoder.read()
        if isinstance(outcome, Picture):
            return outcome


def read_until_lost(decoder: Decoder) -> None:
    for _ in range(1000):
        decoder.read()


async def test_whep_server_is_watched_left_and_come_back_to() -> None:
    async with serving(keyframe_interval_s=60) as (door, url):
        spec, _, decoder = prepare_source(SourceConfig(url=url, read_timeout_ms=20_000))
        assert spec.live
        for _ in range(2):
            await asyncio.to_thread(decoder.open)
            pictures = [await asyncio.to_thread(read_picture, decoder) for _ in range(5)]
            assert pictures[0].image.shape == (HEIGHT, WIDTH, 3)
            shown = [read_code(one.image) for one in pictures]
            assert shown == sorted(shown)
            times = [one.pts or 0 for one in pictures]
            assert times == sorted(times)
            await asyncio.to_thread(decoder.close)
            await until(lambda: door.stream.num_viewers == 0, 20)


async def test_server_that_ends_its_stream_is_a_loss() -> None:
    async with serving() as (door, url):
        _, _, decoder = prepare_source(SourceConfig(url=url, read_timeout_ms=20_000))
        await asyncio.to_thread(decoder.open)
        await asyncio.to_thread(read_picture, decoder)
        await door.stream.stop()
        with pytest.raises(SourceLostError, match="the server ended the stream"):
            await asyncio.to_thread(read_until_lost, decoder)
        await asyncio.to_thread(decoder.close)


async def test_server_that_is_offline_or_away_is_told_in_one_line() -> None:
    async with serving() as (door, url):
        door.stream.set_online(False)
        missing = url.replace("/cam/", "/other/").replace("whep://", "whep+http://:secret@")
        for address, told in (
            (url, r"whep: answered 409 Conflict: .*the source is offline"),
            (missing, r"^source whep\+http://\*\*\*@.*answered 404 Not Found: "),
            ("whep://127.0.0.1:9/x", r"^source whep://127.0.0.1:9/x: All connection attempts failed$"),
        ):
            _, _, decoder = prepare_source(SourceConfig(url=address))
            with pytest.raises(SourceLostError, match=told) as caught:
                await asyncio.to_thread(decoder.open)
            assert "secret" not in str(caught.value)
            assert not isinstance(caught.value, SourceRefusedError)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("whep://host/a?b=c", RtcAddress("http://host/a?b=c", None, None)),
        ("WHEPS://host:8443", RtcAddress("https://host:8443/", None, None)),
        ("whep+https://:t%20k@host/a", RtcAddress("https://host/a", "t k", None)),
        ("whip+http://me:pw@host/a", RtcAddress("http://host/a", None, ("me", "pw"))),
    ],
)
def test_address_says_where_to_post_and_as_whom(url: str, expected: RtcAddress) -> None:
    assert rtc_address(url) == expected
    assert rtc_address(url, "other").authorization == "other"
