"""STUN and TURN: what is configured, and a viewer who is reached through a real TURN server only."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from streamtrack.config import IceServerConfig, WebrtcConfig
from streamtrack.webrtc.ice_servers import IceServers
from tests.support.turn import SECRET, turn_server
from tests.support.video import pushing, until
from tests.support.whep import Viewer, opened


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"urls": ["http://stun.example"]}, "is no ICE server, expected stun:HOST:PORT"),
        ({"urls": ["turn:me:pw@turn.example"], "secret": "x"}, "is no ICE server"),
        ({"urls": ["stun:stun.example:99999"]}, "is no ICE server"),
        ({"urls": ["turn:turn.example"]}, "turn: without username and credential"),
        ({"urls": ["turn:turn.example"], "username": "me"}, "one is set without the other"),
        (
            {"urls": ["turn:turn.example"], "username": "me", "credential": "pw", "secret": "x"},
            "secret and username are both set",
        ),
    ],
)
def test_server_that_cannot_be_used_is_refused_without_its_password(
    values: dict[str, object], fault: str
) -> None:
    with pytest.raises(ValueError, match=fault) as caught:
        IceServerConfig.model_validate(values)
    assert "me:pw" not in str(caught.value).partition("[type=")[0].partition("input_value")[0]


def test_relay_without_a_turn_server_of_ours_is_refused() -> None:
    only_theirs = {"urls": ["turn:turn.example"], "secret": "x", "used_by": "viewers"}
    with pytest.raises(ValueError, match="relay_only is set and no TURN server"):
        WebrtcConfig.model_validate({"relay_only": True, "ice_servers": [only_theirs]})


@pytest.mark.needs_program("turnserver")
async def test_viewer_is_reached_through_turn_alone(tmp_path: Path) -> None:
    async with turn_server(tmp_path) as port:
        config = WebrtcConfig.model_validate(
            {
                "relay_only": True,
                "ice_servers": [{"urls": [f"turn:127.0.0.1:{port}?transport=udp"], "secret": SECRET}],
            }
        )
        servers = IceServers(config)
        await listens(port)
        async with opened(ice_servers=servers) as endpoint:
            with pushing(endpoint.stream):
                viewer = Viewer(configuration=servers.configuration())
                answer = await viewer.join(endpoint)
                kinds = {line.split()[7] for line in answer.text.splitlines() if "a=candidate:" in line}
                assert kinds == {"relay"}, "this machine's own addresses stay unknown"
                await viewer.picture()
                await viewer.close()
                await until(lambda: endpoint.stream.num_viewers == 0)


async def listens(port: int) -> None:
    """Wait until the server has its UDP port: then nobody else may."""
    async with asyncio.timeout(20):
        while True:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    return
            await asyncio.sleep(0.05)
