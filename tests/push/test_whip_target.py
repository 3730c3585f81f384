"""The shared encode sent on by WHIP."""

from __future__ import annotations

import pytest

from tests.push.test_pusher import pushed, status_of
from tests.support.video import pushing, read_code, until
from tests.support.whip_server import TOKEN, whip_server


@pytest.mark.parametrize("codec", ["H264", "VP8"])
async def test_whip_server_is_sent_to_hung_up_on_and_told_goodbye(codec: str) -> None:
    async with whip_server() as (server, url):
        async with pushed(url=f"{url}/moved", token=TOKEN, codec=codec) as (stream, pushes, _):
            with pushing(stream):
                await until(lambda: len(server.pictures) >= 5, 30)
                shown = [read_code(one.to_ndarray(format="rgb24")) for one in server.pictures]
                assert shown == sorted(shown)
                assert f"{codec}/90000" in server.offers[0]
                await server.hang_up()
                await until(lambda: status_of(pushes).connections == 2, 30)
                before = len(server.pictures)
                await until(lambda: len(server.pictures) >= before + 5, 30)
        assert server.ended >= 1


async def test_server_that_refuses_is_told_in_one_line() -> None:
    async with whip_server() as (server, url):
        refused_at = url.replace("whip://", "whip://me:not-this-one@")
        async with pushed(url=f"{refused_at}/live", timeout_ms=2_000) as (stream, pushes, _):
            with pushing(stream):
                await until(lambda: status_of(pushes).trouble is not None, 30)
                trouble = str(status_of(pushes).trouble)
                await until(lambda: (status_of(pushes).next_try_in_s or 0) > 5, 20)
    assert trouble.startswith("whip://***@127.0.0.1:")
    assert trouble.endswith("/live: answered 401 Unauthorized: who are you")
    assert not server.pictures
