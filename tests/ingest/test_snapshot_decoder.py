"""Cameras that give one picture a request, over real sockets."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

import pytest

from streamtrack.config import SourceConfig
from streamtrack.errors import SourceError, SourceLostError
from streamtrack.ingest import SourceState, resolve_source
from streamtrack.ingest.decoder import Picture, Skipped
from streamtrack.ingest.network_decoders import HttpDecoder
from tests.support.ingest import QUICK_RECONNECT, running, wait_until
from tests.support.scripted_servers import Answer, Log, Seen, jpeg, scripted_http


def config_for(log: Log, **keys: object) -> SourceConfig:
    quick = {"open_timeout_ms": 400, "read_timeout_ms": 400, "reconnect": QUICK_RECONNECT, "fps": 50}
    return SourceConfig.model_validate({"url": f"http://127.0.0.1:{log.port}/snap", **quick, **keys})


@contextlib.contextmanager
def opened(config: SourceConfig) -> Iterator[HttpDecoder]:
    decoder = HttpDecoder(resolve_source(config), config)
    decoder.open()
    try:
        yield decoder
    finally:
        decoder.close()


def next_picture(decoder: HttpDecoder) -> Picture:
    for _ in range(100):
        outcome = decoder.read()
        if isinstance(outcome, Picture):
            return outcome
        assert isinstance(outcome, Skipped)
    raise AssertionError("100 reads and no picture")


def in_turn(*bodies: bytes) -> Callable[[Seen], Answer]:
    """One body after the other; the last one stays."""
    left = list(bodies)
    return lambda _: Answer(200, {"Content-Type": "image/jpeg"}, left.pop(0) if len(left) > 1 else left[0])


def test_each_picture_is_asked_for_at_the_camera_s_pace() -> None:
    with (
        scripted_http(in_turn(jpeg(10), jpeg(60), jpeg(110))) as camera,
        opened(config_for(camera)) as decoder,
    ):
        started = time.monotonic()
        pictures = [next_picture(decoder) for _ in range(3)]

    assert [round(int(p.image[0, 0, 0]), -1) for p in pictures] == [10, 60, 110]
    assert time.monotonic() - started >= 0.038  # two intervals of 20 ms
    times = [float((p.pts or 0) * p.time_base) for p in pictures]
    assert times == sorted(set(times))
    assert camera.targets == ["/snap"] * 3


def test_slow_camera_does_not_hold_a_read_for_its_whole_interval() -> None:
    with (
        scripted_http(in_turn(jpeg(10))) as camera,
        opened(config_for(camera, fps=0.1)) as decoder,
    ):
        next_picture(decoder)
        started = time.monotonic()
        outcome = decoder.read()

    assert outcome == Skipped("not_due", 0)
    assert time.monotonic() - started < 2


def test_picture_that_changes_its_size_and_one_that_is_wide_are_given() -> None:
    with (
        scripted_http(in_turn(jpeg(10), jpeg(20, (96, 64)), jpeg(30, (40, 400)))) as camera,
        opened(config_for(camera, max_width_px=100)) as decoder,
    ):
        shapes = [next_picture(decoder).image.shape for _ in range(3)]

    assert shapes == [(48, 64, 3), (96, 64, 3), (10, 100, 3)]


def test_picture_that_has_not_changed_is_not_sent_again_and_given_again() -> None:
    def answer(seen: Seen) -> Answer:
        if seen.headers.get("if-none-match") == '"a"':
            return Answer(304, {"ETag": '"a"'})
        return Answer(200, {"Content-Type": "image/jpeg", "ETag": '"a"'}, jpeg(90))

    with scripted_http(answer) as camera, opened(config_for(camera)) as decoder:
        pictures = [next_picture(decoder) for _ in range(4)]

    assert all(abs(int(p.image[0, 0, 0]) - 90) < 6 for p in pictures)
    assert sum("if-none-match" in seen.headers for seen in camera.requests) == 3


def test_one_broken_picture_is_passed_over_and_nothing_but_broken_ones_are_a_loss() -> None:
    with (
        scripted_http(in_turn(jpeg(10), b"\xff\xd8 half", jpeg(30), b"<html>")) as camera,
        opened(config_for(camera)) as decoder,
    ):
        next_picture(decoder)
        assert decoder.read() == Skipped("corrupt")
        assert abs(int(next_picture(decoder).image[0, 0, 0]) - 30) < 6
        started = time.monotonic()
        with pytest.raises(SourceLostError, match="no sound picture for 400 ms"):
            next_picture(decoder)

    assert 0.35 < time.monotonic() - started < 3


@pytest.mark.parametrize("what", ["nothing", "half"])
def test_picture_that_does_not_come_is_a_loss_by_the_read_timeout(what: str) -> None:
    asked: list[Seen] = []

    def answer(seen: Seen) -> Answer:
        asked.append(seen)
        body = jpeg(10)
        if len(asked) < 2:
            return Answer(200, {"Content-Type": "image/jpeg"}, body)
        if what == "nothing":
            time.sleep(1)
        # Kept open: the rest never comes.
        return Answer(200, {"Content-Type": "image/jpeg", "Content-Length": "99999"}, body[:9])

    with scripted_http(answer, keep_alive=True) as camera, opened(config_for(camera)) as decoder:
        next_picture(decoder)
        started = time.monotonic()
        with pytest.raises(SourceLostError, match="400 ms"):
            next_picture(decoder)

    assert time.monotonic() - started < 3


def test_bomb_is_refused_before_it_is_decoded() -> None:
    png_head = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (30_000).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"
    with (
        scripted_http(lambda _: Answer(200, {"Content-Type": "image/png"}, png_head)) as camera,
        pytest.raises(SourceError, match="a picture of 30000x30000 pixels, expected 16384"),
        opened(config_for(camera)),
    ):
        pass


def test_camera_that_goes_away_and_comes_back_goes_on_with_a_gap() -> None:
    answers = {"now": Answer(200, {"Content-Type": "image/jpeg"}, jpeg(10))}
    with scripted_http(lambda _: answers["now"]) as camera, running(config_for(camera)) as source:
        before = source.next_frame()
        there, answers["now"] = answers["now"], Answer(503)
        wait_until(lambda: source.ingest.state is SourceState.OFFLINE, "the loss is noticed")
        assert "503 Service Unavailable" in (source.ingest.last_error or "")
        while source.mailbox.statistics().held:
            before = source.next_frame()
        answers["now"] = there
        after = source.next_frame()

        assert after.gap_before
        assert after.seq > before.seq
        assert source.ingest.last_error is None
