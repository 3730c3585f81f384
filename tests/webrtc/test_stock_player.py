"""A WHEP player that others wrote, in Chromium: it trickles, restarts ICE, and hangs up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import Response

from tests.support.browser_tab import LOOPBACK, Browsers, Tab, browsers
from tests.support.npm import npm_package
from tests.support.video import WIDTH, pushing, until
from tests.support.whep import Door, listening, opened

PLAYER = ("whip-whep", "1.2.0")
"""Its author wrote the drafts of WHIP and WHEP."""
PAGE = """<!doctype html><title>player</title><video id="video" autoplay muted playsinline></video>
<script type="module">
import { WHEPClient } from "/whep.js";
const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
const kinds = new URLSearchParams(location.search).get("kinds").split(",");
for (const kind of kinds) pc.addTransceiver(kind, { direction: "recvonly" });
const prefer = new URLSearchParams(location.search).get("codec");
for (const one of pc.getTransceivers().filter((one) => one.receiver.track.kind === "video")) {
  const codecs = RTCRtpReceiver.getCapabilities("video").codecs;
  one.setCodecPreferences(codecs.filter((codec) => codec.mimeType === `video/${prefer}`));
}
pc.ontrack = (event) => {
  if (event.track.kind !== "video") return;
  document.getElementById("video").srcObject = new MediaStream([event.track]);
};
window.pc = pc;
window.client = new WHEPClient();
await window.client.view(pc, new URL("/streams/cam/whep", location));
</script>"""
SELECTED = """async () => {
  const stats = [...(await window.pc.getStats()).values()];
  const chosen = stats.find((one) => one.type === "transport")?.selectedCandidatePairId;
  const pair = stats.find((one) => one.id === chosen);
  const video = stats.find((one) => one.type === "inbound-rtp" && one.kind === "video");
  const codec = stats.find((one) => one.id === video?.codecId);
  const remote = stats.find((one) => one.id === pair?.remoteCandidateId);
  return {
    pair: pair?.id, ufrag: remote?.usernameFragment, frames: video?.framesDecoded ?? 0,
    codec: codec?.mimeType, width: video?.frameWidth, state: window.pc.connectionState,
  };
}"""

pytestmark = [pytest.mark.browser, pytest.mark.needs_program("npm")]


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> str:
    return (npm_package(*PLAYER, tmp_path_factory.mktemp("npm")) / "whep.js").read_text()


class Served:
    def __init__(self, url: str) -> None:
        self.url = url


@asynccontextmanager
async def playing(script: str, query: str) -> AsyncIterator[tuple[Door, Tab, Browsers]]:
    async with opened(keyframe_interval_s=1) as door:
        add(door, "/player", PAGE, "text/html")
        add(door, "/whep.js", script, "text/javascript")
        async with listening(door) as http, browsers() as chromium:
            with pushing(door.stream):
                served = Served(str(http.base_url).rstrip("/"))
                async with chromium.opened(served, f"/player?{query}", LOOPBACK) as tab:
                    yield door, tab, chromium


def add(door: Door, path: str, body: str, kind: str) -> None:
    door.app.add_api_route(path, lambda: Response(body, media_type=kind))


async def told(tab: Tab, what: Callable[[Any], bool]) -> Any:
    """What the player tells of itself, once it fits."""
    for _ in range(200):
        found = await tab.page.evaluate(SELECTED)
        if what(found):
            return found
        await tab.page.wait_for_timeout(100)
    raise AssertionError(f"{found}, {tab.faults}")


@pytest.mark.parametrize("query", ["kinds=video&codec=H264", "kinds=audio,video&codec=VP8"])
async def test_stock_player_trickles_restarts_and_hangs_up(script: str, query: str) -> None:
    async with playing(script, query) as (door, tab, _):
        first = await told(tab, lambda one: one["frames"] > 5 and one["width"])
        assert (first["codec"], first["width"]) == (f"video/{query.rpartition('=')[2]}", WIDTH)
        await tab.page.evaluate("() => window.client.restart()")
        moved = await told(tab, lambda one: one["ufrag"] != first["ufrag"])
        await told(tab, lambda one: one["frames"] > moved["frames"] + 10)
        assert await tab.page.evaluate("() => window.pc.connectionState") == "connected"
        assert door.stream.num_viewers == 1
        await tab.page.evaluate("() => window.client.stop()")
        await until(lambda: door.stream.num_viewers == 0, 20)
