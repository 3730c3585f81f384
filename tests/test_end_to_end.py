"""The product as a stranger runs it: an RTSP camera, `streamtrack serve`, a robot, a browser, a power cut."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamtrack.client import EventSubscriber
from streamtrack.video.palette import object_colour
from tests.support.browser_tab import Tab, browsers
from tests.support.end_to_end import (
    CLIP_FRAMES,
    FPS,
    START_S,
    Clip,
    Served,
    box_of,
    centre_of,
    clip_index,
    make_clip,
    robot,
    served,
)
from tests.support.pipelines import iou, wait_until
from tests.support.rtsp import RtspServer
from tests.support.video import read_code

FOLLOWED, CLICKED = 2, 1
"""The scene's own ids: one ball is prompted through the API, the other by a click on the page."""
MIN_FRAMES = 40
"""Tracked frames that are judged."""
STOP_S = 3.0

pytestmark = [pytest.mark.process, pytest.mark.rtsp, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return make_clip(tmp_path_factory.mktemp("clip"))


def prompt_followed(server: Served, clip: Clip) -> tuple[int, int, int]:
    """Pause, read which picture stands, box the object there, go on; object id, frame_idx, clip index."""
    server.wait(lambda status: status["newest_frame_idx"] >= 0, "the first frame")
    server.api.post("/streams/camera/pause").raise_for_status()
    frame_idx, index = server.standing_picture()
    box = box_of(clip.truths[index][FOLLOWED])
    answer = server.api.post("/streams/camera/objects", json={"box": box, "label": "ball"})
    assert answer.status_code == 201, answer.text
    assert answer.json()["frame_idx"] == frame_idx
    server.api.post("/streams/camera/resume").raise_for_status()
    return answer.json()["object_id"], frame_idx, index


def offer(server: Served) -> tuple[int, bool]:
    """The status of a viewer's offer that says nothing, and whether it is told when to come back."""
    headers = {"content-type": "application/sdp"}
    answer = server.api.post("/streams/camera/whep", content="v=0\r\n", headers=headers)
    return answer.status_code, "retry-after" in answer.headers


def test_robot_gets_true_masks_and_tracking_survives_a_power_cut_of_the_camera(
    clip: Clip, tmp_path: Path
) -> None:
    with (
        RtspServer([clip.path], fps=FPS) as camera,
        served(camera.url, tmp_path) as server,
        robot(server.masks) as heard,
        EventSubscriber(server.masks, "camera") as events,
    ):
        object_id, anchor_idx, anchor_index = prompt_followed(server, clip)
        server.wait(lambda status: status["newest_frame_idx"] >= anchor_idx + MIN_FRAMES, "the judged frames")

        camera.kill()
        server.wait(lambda status: status["state"] == "offline", "the loss")
        wait_until(lambda: offer(server) == (409, True), "the refusal of viewers")
        # What is kept can still be prompted while the camera is away.
        prompts = f"/streams/camera/objects/{object_id}/prompts"
        assert server.api.post(prompts, json={"points": [[9000, 1]]}).status_code == 422
        mended = server.api.post(prompts, json={"points": [[1, 1]], "labels": [0]})
        assert mended.status_code == 200, mended.text
        last = mended.json()["frame_idx"]
        away = server.status()
        assert [found["state"] for found in away["objects"]] == ["unseen"], "nobody looks at it"
        assert (away["fps"], away["latency_ms"]) == (0, {"p50": 0, "p95": 0})
        wait_until(lambda: server.api.post(prompts, json={"points": [[1, 1]]}).status_code == 409, "its age")
        old = server.api.post("/streams/camera/objects", json={"points": [[50, 50]]})
        assert old.status_code == 409
        assert "the camera is away since" in old.json()["error"]
        assert "what you clicked is an old picture" in old.json()["error"]
        camera.start()
        back = server.wait(lambda status: status["newest_frame_idx"] >= last + 5, "the frames after the cut")
        assert back["state"] == "online"
        assert [found["object_id"] for found in back["objects"]] == [object_id]
        kinds: list[str] = []
        reason = None
        while reason != "source_away":  # the gap of the pause at the start comes first
            message = events.receive(int(START_S * 1000))
            assert message is not None, f"only {kinds} came"
            kinds.append(str(message.kind))
            reason = message.detail.get("reason") if message.kind == "gap" else None
        assert message is not None
        assert message.detail["seconds"] > 0
        assert "source_lost" in kinds
        told = server.api.get("/streams/camera/events").json()
        assert {"added", "source_lost", "gap"} <= {event["kind"] for event in told}, "for whoever comes later"

        started = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(START_S) == 0
        assert time.monotonic() - started < STOP_S
    assert len({message.epoch for message in heard}) == 1
    assert server.lines[-1].startswith("summary camera: ")

    of_first_connection = [
        m
        for m in heard
        # The last frame was clicked on, on purpose beside the object, while the camera was away.
        if anchor_idx <= m.frame_idx < last and object_id in m.masks and m.pts_seconds is not None
    ]
    anchor = next(m for m in of_first_connection if m.frame_idx == anchor_idx)
    scores = [
        iou(m.masks[object_id], clip.truths[clip_index(m, anchor, anchor_index)][FOLLOWED])
        for m in of_first_connection
    ]
    assert len(scores) >= 0.9 * MIN_FRAMES
    share = float(np.mean(np.array(scores) > 0.7))
    assert share >= 0.95, f"only {share:.0%} of {len(scores)} frames, IoUs {np.round(scores, 2)}"
    # Masks of one picture earlier or later would fit worse: what was compared is the right picture.
    assert len({clip_index(m, anchor, anchor_index) for m in of_first_connection}) > CLIP_FRAMES // 4


@pytest.mark.browser
async def test_click_in_the_browser_is_followed_and_drawn(clip: Clip, tmp_path: Path) -> None:
    with RtspServer([clip.path], fps=FPS) as camera, served(camera.url, tmp_path) as server:
        followed, _, _ = prompt_followed(server, clip)
        async with browsers() as chromium, chromium.opened(server) as tab:
            # As the server draws it: what the page draws itself is looked at in http/test_page_overlay.
            await tab.page.evaluate("""localStorage.setItem("streamtrack.looks", '{"style": "burnt"}')""")
            await tab.page.reload()
            await tab.live()
            await (await tab.row(followed)).wait_for()
            # A click on a picture that stands must give feedback, too.
            await tab.page.click("#pause")
            await tab.page.get_by_role("button", name="Resume").wait_for()
            await tab.page.wait_for_timeout(1000)  # until the standing picture has come through the codec
            _, index = server.standing_picture()
            await tab.click(*centre_of(clip.truths[index][CLICKED]))
            clicked = followed + 1
            await tab.row(clicked)
            added = {found["object_id"]: found for found in server.status()["objects"]}[clicked]
            x, y = centre_of(clip.truths[index][CLICKED])
            x0, y0, x1, y1 = added["box"]
            assert x0 < x < x1
            assert y0 < y < y1, "the object is where the click was"
            await tab.page.get_by_role("button", name="Resume").click()
            server.wait(
                lambda status: status["newest_frame_idx"] > added["added_at_frame"] + 5, "five frames"
            )
            shown = [
                await overlay_shares(tab, server, clip, {FOLLOWED: followed, CLICKED: clicked})
                for _ in range(5)
            ]
            # Most of each object's pixels look tinted, not plain; codec, outline and label take the rest. Of
            # several pictures, because masks of single ones may be poor.
            assert min(np.median(shown, axis=0)) > 0.7, shown
            await tab.page.screenshot(path=tmp_path / "page.png")
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(START_S) == 0


async def overlay_shares(tab: Tab, server: Served, clip: Clip, ids: dict[int, int]) -> list[float]:
    """Which share of each object's true pixels has its colour, on a picture that is the clip's."""
    image, rtp_timestamp = await tab.grab()
    index = read_code(image)
    session = tab.sessions[-1].rpartition("/")[2]
    mapped: dict[str, Any] = server.api.get(
        f"/whep/sessions/{session}/frame", params={"rtp_timestamp": rtp_timestamp}
    ).json()
    assert mapped["frame_idx"] >= 0
    source = clip.images[index].astype(float)
    nothing = ~np.logical_or.reduce([clip.truths[index][scene_id] for scene_id in ids])
    assert np.median(np.abs(image - source).mean(axis=2)[nothing]) < 10
    shares = []
    for scene_id, object_id in ids.items():
        truth = clip.truths[index][scene_id]
        expected = 0.55 * source + 0.45 * np.array(object_colour(object_id))
        tinted = np.abs(image - expected).mean(axis=2)[truth]
        plain = np.abs(image - source).mean(axis=2)[truth]
        shares.append(float(np.mean(tinted < plain)))
    return shares
