"""Row 8: packets that are lost or flipped, keyframes that are missing, long ways from one to the next."""

from __future__ import annotations

import random
import time

import pytest

from streamtrack.config import SourceConfig
from streamtrack.frame import EventKind, Frame
from tests.faults.injectors.films import Film, make_film
from tests.faults.injectors.rtsp_camera import RtspCamera, rtsp_camera
from tests.faults.table import FaultRow, record_fault
from tests.faults.watched import QUICK, WatchedStream, neighbour
from tests.support.bad_network import RTP_HEADER_BYTES, Harm
from tests.support.waiting import wait_until

pytestmark = pytest.mark.faults

FPS = 100.0
NUM_PICTURES = 300
TIMEOUT_S = 1.0
FRAGMENT_BYTES = 250
"""Small, so that a picture of this size has as many as one of a camera's."""
LIVE = {
    "pace": "every_frame",  # none is left out, so that each can be compared with the truth
    "read_timeout_ms": round(1000 * TIMEOUT_S),
    "damage_wait_ms": 500,
}
LOSS = {"loss": 0.01}
FLIPS = {"flips_a_byte": 3e-5}
slow = pytest.mark.slow


class Judge:
    """Compares what a stream delivers with the truth."""

    def __init__(self, film: Film) -> None:
        self._film = film
        self.num_sound = self.num_smeared = self.num_marked = 0

    def take(self, frame: Frame) -> None:
        if frame.damaged:
            self.num_marked += 1
        elif self._film.is_smeared(frame.image):
            self.num_smeared += 1
        else:
            self.num_sound += 1

    @property
    def share(self) -> float:
        """Of the pictures that pass for sound, those that are smeared."""
        return self.num_smeared / max(1, self.num_sound + self.num_smeared)

    def __str__(self) -> str:
        return f"{self.num_smeared} of {self.num_sound + self.num_smeared} unmarked pictures smeared"


def film_of(kind: str, gop: int = 20) -> Film:
    return make_film(kind, num_frames=120, gop=gop, crf=14)


def harmed(camera: RtspCamera, harm: dict[str, float]) -> tuple[float, float]:
    """Harm a number of pictures; the moments when that began and ended."""
    camera.harm = Harm(seed=5, **harm)
    began_s, sent = time.monotonic(), camera.num_sent
    wait_until(lambda: camera.num_sent >= sent + NUM_PICTURES, "pictures in harm's way", 60)
    assert camera.harm.num_harmed >= 10
    camera.harm = None
    return began_s, time.monotonic()


@pytest.mark.parametrize(
    ("kind", "transport", "words", "harm", "allowed"),
    [
        ("cabac", "udp", "1 % of packets lost", LOSS, 0.0),
        pytest.param("cabac", "tcp", "1 % of packets lost", LOSS, 0.0, marks=slow),
        pytest.param("cavlc", "udp", "1 % of packets lost", LOSS, 0.0, marks=slow),
        pytest.param("hevc", "udp", "1 % of packets lost", LOSS, 0.0, marks=slow),
        pytest.param("cabac", "tcp", "a bit flipped in 30,000 bytes", FLIPS, 0.0, marks=slow),
        # Values are plain bits there: where one of those flips the slice stays valid, and nothing can tell.
        pytest.param("cavlc", "tcp", "a bit flipped in 30,000 bytes", FLIPS, 0.05, marks=slow),
        pytest.param("hevc", "tcp", "a bit flipped in 30,000 bytes", FLIPS, 0.01, marks=slow),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)
def test_smeared_pictures_do_not_pass_for_sound(
    kind: str, transport: str, words: str, harm: dict[str, float], allowed: float
) -> None:
    film = film_of(kind)
    judge = Judge(film)
    with neighbour() as beside, rtsp_camera(film, FPS) as camera:
        camera.max_payload = FRAGMENT_BYTES
        config = SourceConfig.model_validate({"url": camera.url(), "rtsp_transport": transport, **LIVE})
        with WatchedStream(config, keep=judge.take) as stream:
            stream.wait_frame(0.0)
            beside.begin()
            began_s, ended_s = harmed(camera, harm)
            detect_s = stream.wait_told(EventKind.DAMAGED, began_s)
            recover_s = stream.wait_frame(ended_s, wanted=lambda frame: not frame.damaged)
            is_some_sound = judge.num_sound > NUM_PICTURES / 20
            held = judge.share <= allowed and is_some_sound and beside.is_undisturbed
            lost = f"{stream.num_damaged:.0f} pictures left out, counted; {judge}; {beside}"
    promise = "`damaged`; " + (
        f"at most {100 * allowed:g} % smeared and unmarked" if allowed else "no smeared picture unmarked"
    )
    fault = f"{film.codec} {kind} over {transport.upper()}: {words}"
    record_fault(FaultRow(8, fault, promise, detect_s, recover_s, lost, held, TIMEOUT_S))


@pytest.mark.parametrize(
    "kind", ["cabac", pytest.param("cavlc", marks=slow), pytest.param("hevc", marks=slow)]
)
def test_keyframe_that_never_comes_smears_nothing(kind: str) -> None:
    film = film_of(kind)
    judge = Judge(film)
    with neighbour() as beside, rtsp_camera(film, FPS) as camera:
        config = SourceConfig.model_validate({"url": camera.url(), **LIVE})
        with WatchedStream(config, keep=judge.take) as stream:
            stream.wait_frame(0.0)
            beside.begin()
            lost_key = _next_key(camera)
            began_s, camera.skip = time.monotonic(), lambda number: number == lost_key
            detect_s = stream.wait_told(EventKind.DAMAGED, began_s)
            ended_s, camera.skip = time.monotonic(), lambda _: False
            recover_s = stream.wait_frame(ended_s, wanted=lambda frame: not frame.damaged)
            held = judge.num_smeared == 0 and beside.is_undisturbed
            lost = f"{stream.num_damaged:.0f} pictures left out, counted; {judge}; {beside}"
    promise = "`damaged`, goes on with the next keyframe"
    fault = f"{film.codec} {kind}: a keyframe under way is lost"
    record_fault(FaultRow(8, fault, promise, detect_s, recover_s, lost, held, TIMEOUT_S))


def _next_key(camera: RtspCamera) -> int:
    """The number of a keyframe that is not near."""
    near = camera.place + 5
    return next(n for n in range(near, near + 200) if camera.film.keyframes[n % 120]) % 120


def test_camera_without_a_keyframe_is_waited_for() -> None:
    film = film_of("cabac")
    judge = Judge(film)
    with neighbour() as beside, rtsp_camera(film, 50) as camera:
        camera.skip = lambda number: film.keyframes[number]
        began_s = time.monotonic()
        config = SourceConfig.model_validate({"url": camera.url(), **LIVE})
        with WatchedStream(config, keep=judge.take) as stream:
            detect_s = stream.wait_told(EventKind.SOURCE_LOST, began_s)
            is_told = "no keyframe" in (stream.source.last_error or "")
            ended_s, camera.skip = time.monotonic(), lambda _: False
            recover_s = stream.wait_frame(ended_s, wanted=lambda frame: not frame.damaged)
            held = is_told and judge.num_smeared == 0 and beside.is_undisturbed
            lost = (
                f"{stream.dropped('before_keyframe'):.0f} pictures, as `before_keyframe`; {judge}; {beside}"
            )
    promise = "`source_lost`, counted as `before_keyframe`; begins with a keyframe"
    fault = "no keyframe after the connection"
    record_fault(FaultRow(8, fault, promise, detect_s, recover_s, lost, held, TIMEOUT_S))


class Noise(Harm):
    """Packets whose headers alone are what was sent."""

    def apply(self, packet: bytes) -> bytes:
        return packet[:RTP_HEADER_BYTES] + random.Random(packet).randbytes(len(packet) - RTP_HEADER_BYTES)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["cabac", "hevc"])
def test_noise_instead_of_pictures_is_a_lost_source(kind: str) -> None:
    film = film_of(kind)
    judge = Judge(film)
    with neighbour() as beside, rtsp_camera(film, 50) as camera:
        config = SourceConfig.model_validate({"url": camera.url(), **LIVE, "reconnect": QUICK["reconnect"]})
        with WatchedStream(config, keep=judge.take) as stream:
            stream.wait_frame(0.0)
            beside.begin()
            began_s, camera.harm = time.monotonic(), Noise()
            detect_s = stream.wait_told(EventKind.SOURCE_LOST, began_s)
            ended_s, camera.harm = time.monotonic(), None
            recover_s = stream.wait_frame(ended_s, wanted=lambda frame: not frame.damaged)
            held = judge.num_smeared == 0 and beside.is_undisturbed
            lost = f"the pictures of the time itself; {judge}; {beside}"
    fault = f"{film.codec} {kind}: noise in the place of every picture"
    promise = "`source_lost` after `read_timeout_ms` without a sound picture"
    record_fault(FaultRow(8, fault, promise, detect_s, recover_s, lost, held, TIMEOUT_S))


@pytest.mark.slow
def test_packets_out_of_order_are_put_in_order() -> None:
    film = film_of("cabac")
    judge = Judge(film)
    with neighbour() as beside, rtsp_camera(film, 50) as camera:
        camera.max_payload = FRAGMENT_BYTES
        config = SourceConfig.model_validate({"url": camera.url(), "rtsp_transport": "udp", **LIVE})
        with WatchedStream(config, keep=judge.take) as stream:
            stream.wait_frame(0.0)
            beside.begin()
            before, sent, camera.shuffles = stream.frames_in, camera.num_sent, True
            wait_until(lambda: camera.num_sent >= sent + 100, "pictures in disorder")
            arrived = stream.frames_in - before
            held = arrived >= 95 and not stream.num_damaged and not judge.num_smeared
            held = held and stream.is_in_order and beside.is_undisturbed
            lost = f"nothing, {arrived:.0f} of 100 pictures there at once; {judge}; {beside}"
    fault = "UDP: packets out of order"
    record_fault(FaultRow(8, fault, "put in order, nothing left out", None, None, lost, held))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["cabac", "hevc"])
def test_long_way_to_the_next_keyframe_goes_on_marked(kind: str) -> None:
    film = make_film(kind, num_frames=600, gop=600, crf=14)
    judge = Judge(film)
    with neighbour() as beside, rtsp_camera(film, 50) as camera:
        config = SourceConfig.model_validate({"url": camera.url(), **LIVE})
        with WatchedStream(config, keep=judge.take) as stream:
            wait_until(lambda: any(viewer.plays for viewer in camera.viewers), "it watches")
            camera.begin_film(film)  # with its keyframe
            stream.wait_frame(0.0, wanted=lambda frame: not frame.damaged)
            beside.begin()
            lost_number = camera.place + 5
            began_s, camera.skip = time.monotonic(), lambda number: number == lost_number
            detect_s = stream.wait_told(EventKind.DAMAGED, began_s)
            ended_s = time.monotonic()
            recover_s = stream.wait_frame(ended_s)
            is_marked = all(seen.frame.damaged for seen in stream.seen if seen.at_s > ended_s)
            whole_s = stream.wait_frame(ended_s, wanted=lambda frame: not frame.damaged)
            held = is_marked and judge.num_smeared == 0 and beside.is_undisturbed
            lost = f"{judge.num_marked} pictures marked, for {whole_s:.0f} s; {judge}; {beside}"
    promise = "shown and marked after `damage_wait_ms`, sound from the next keyframe on"
    fault = f"{film.codec} {kind}: one picture lost, 600 pictures to the next keyframe"
    record_fault(FaultRow(8, fault, promise, detect_s, recover_s, lost, held, TIMEOUT_S))


def test_judge_can_tell() -> None:
    """The measure itself: a film's own pictures are sound, one with a foreign block is not."""
    film = film_of("cabac")
    changed = film.truth[30].copy()
    changed[40:72, 100:132] = changed[100:132, 20:52]

    assert not any(film.is_smeared(image) for image in film.truth[::7])
    assert film.is_smeared(changed)
