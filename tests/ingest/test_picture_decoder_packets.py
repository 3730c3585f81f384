"""Coded pictures as a network leaves them, straight into the decoder: pieces of their units are missing."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import av
import pytest
from av.codec.context import Flags

from streamtrack.config import SourceConfig
from streamtrack.frame import Image
from streamtrack.ingest.decoder import Picture, Skipped
from streamtrack.ingest.h264 import START_CODE
from streamtrack.ingest.picture_decoder import PictureDecoder
from streamtrack.ingest.picture_times import PictureTimes
from streamtrack.ingest.source import resolve_source
from tests.faults.injectors.films import Film, make_film

GOP = 15
NUM_PICTURES = 60
FRAGMENT_BYTES = 250
TICKS = Fraction(1, 90_000)
PICTURE_TICKS = 3600

Harm = Callable[[int, Sequence[bytes]], list[bytes]]
"""The units of a picture as they arrive, by its number."""


def film_of(kind: str) -> Film:
    return make_film(kind, NUM_PICTURES, GOP, crf=14)


def without_fragment(units: Sequence[bytes], place: float) -> list[bytes]:
    """The largest unit without one of its fragments, at a share of its length."""
    largest = max(range(len(units)), key=lambda at: len(units[at]))
    unit = units[largest]
    start = 40 + int(place * max(1, len(unit) - FRAGMENT_BYTES - 40))
    return [*units[:largest], unit[:start] + unit[start + FRAGMENT_BYTES :], *units[largest + 1 :]]


def hitting(places: Mapping[int, float]) -> Harm:
    """Pictures by number lose a fragment at a share of their length; the others arrive whole."""
    return lambda number, units: without_fragment(units, places[number]) if number in places else list(units)


def play(film: Film, harm: Harm) -> tuple[dict[int, Image], set[int], Counter[str]]:
    """Sound pictures by number, the numbers of marked ones, and what was left out."""
    context = av.CodecContext.create("hevc" if film.codec == "H265" else "h264", "r")
    context.thread_count, context.copy_opaque = 1, True
    context.flags |= Flags.output_corrupt
    config = SourceConfig(url="rtsp://127.0.0.1/live", read_timeout_ms=60_000)
    stream = SimpleNamespace(codec_context=context, sample_aspect_ratio=None, time_base=TICKS)
    spec = replace(resolve_source(config), live=True)
    decoder = PictureDecoder(stream, spec, config, PictureTimes(TICKS, 25))
    sound: dict[int, Image] = {}
    marked: set[int] = set()
    skipped: Counter[str] = Counter()
    for number, units in enumerate(film.units):
        packet = av.Packet(b"".join(START_CODE + unit for unit in harm(number, units)))
        packet.pts = packet.dts = number * PICTURE_TICKS
        packet.is_keyframe = film.keyframes[number]
        decoder.take(packet)
        for outcome in decoder.outcomes:
            if isinstance(outcome, Skipped):
                skipped[outcome.reason] += outcome.count
            elif isinstance(outcome, Picture) and outcome.damaged:
                marked.add((outcome.pts or 0) // PICTURE_TICKS)
            elif isinstance(outcome, Picture):
                sound[(outcome.pts or 0) // PICTURE_TICKS] = outcome.image
        decoder.outcomes.clear()
    return sound, marked, skipped


@pytest.mark.parametrize("kind", ["cabac", "cavlc", "hevc"])
def test_keyframe_after_a_damaged_picture_is_whole(kind: str) -> None:
    film = film_of(kind)
    last = GOP - 1
    for share in range(4):
        sound, _, skipped = play(film, hitting({last: share / 4}))
        assert skipped.total() == 1
        assert [number for number, image in sound.items() if film.is_smeared(image)] == []


@pytest.mark.parametrize("kind", ["cabac", "cavlc", "hevc"])
def test_pictures_with_lost_fragments_and_what_builds_on_them_do_not_pass(kind: str) -> None:
    film, rng = film_of(kind), random.Random(0)
    num_sound = 0
    for _ in range(2):
        hit = {number: rng.random() for number in range(1, NUM_PICTURES) if rng.random() < 0.05}
        sound, _, skipped = play(film, hitting(hit))
        num_sound += len(sound)
        assert len(sound) + skipped.total() == NUM_PICTURES
        assert [number for number, image in sound.items() if film.is_smeared(image)] == []
    assert num_sound > NUM_PICTURES / 2


@pytest.mark.parametrize("kind", ["cabac", "cavlc", "hevc"])
def test_picture_that_never_came_spoils_those_that_build_on_it(kind: str) -> None:
    film = film_of(kind)
    arrived = [number for number in range(NUM_PICTURES) if number != 20]
    played = replace(
        film,
        units=[film.units[number] for number in arrived],
        keyframes=[film.keyframes[number] for number in arrived],
    )
    sound, _, skipped = play(played, lambda _, units: list(units))

    # 20 of the film is gone, so that 20 of what was played is its 21; its next keyframe is at 30.
    assert sorted(sound) == [*range(20), *range(29, NUM_PICTURES - 1)]
    assert skipped.total() == 9
