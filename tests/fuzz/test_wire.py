"""Messages of the wire and the masks in them: damaged, made up, and of every size."""

from __future__ import annotations

import random
import tracemalloc
from typing import Any

import msgspec
import numpy as np

from streamtrack.errors import PublishError
from streamtrack.frame import Event, EventKind
from streamtrack.publish.mask_codec import decode_bits, decode_rle, decode_rle_crop, encode_bits, encode_rle
from streamtrack.publish.wire import decode_event, decode_message, encode_event, encode_result
from tests.fuzz.amount import amount, dice
from tests.fuzz.cost import check_cost
from tests.fuzz.mutate import changed_value, damaged
from tests.fuzz.refused import taken
from tests.support.masks import HEIGHT_PX, WIDTH_PX, disc, make_result

EMPTY = np.zeros((HEIGHT_PX, WIDTH_PX), np.bool_)
SIZE = (HEIGHT_PX, WIDTH_PX)
BOX = (0, 0, WIDTH_PX, HEIGHT_PX)


def sound_messages() -> list[bytes]:
    masks = {4: disc(1), 2: EMPTY, 9: ~EMPTY}
    event = Event(EventKind.LOST, 3, 1, {"reason": "left", "after_ms": 2000, "box": [1, 2, 3, 4]})
    return [
        encode_result("cam1", 77, 5, make_result(12, masks), "nano", "coco_rle"),
        encode_result("cam1", 77, 6, make_result(13, masks), "nano", "bits_zstd"),
        encode_result("cam1", 77, 7, make_result(14, {}), "nano"),
        encode_event("cam1", 77, 0, event, publish_ns=5, publish_monotonic_ns=6),
    ]


def joined(topic: bytes, header: Any, payload: bytes) -> bytes:
    packed = msgspec.msgpack.encode(header)
    return topic + b"\x01" + len(packed).to_bytes(4, "little") + packed + payload


def parts(data: bytes) -> tuple[bytes, Any, bytes]:
    start = data.index(b"\0") + 1
    length = int.from_bytes(data[start + 1 : start + 5], "little")
    header = msgspec.msgpack.decode(data[start + 5 : start + 5 + length])
    return data[:start], header, data[start + 5 + length :]


def made_up(rng: random.Random, sound: list[bytes]) -> bytes:
    """A message with another header under its length, or with bytes of another."""
    whole = rng.choice(sound)
    if rng.random() < 0.5:
        return damaged(whole, rng, sound)
    topic, header, payload = parts(whole)
    try:
        return joined(
            topic, changed_value(header, rng), damaged(payload, rng) if rng.random() < 0.3 else payload
        )
    except (OverflowError, UnicodeEncodeError):  # msgpack has no such number, or no such text
        return damaged(whole, rng, sound)


def read_all(data: bytes) -> None:
    """The message, and each of its masks both ways."""
    if data.startswith(b"events/"):
        decode_event(data)
        return
    for item in decode_message(data).objects.values():
        assert item.crop.dtype == np.bool_
        if item.frame_size == SIZE:
            assert item.mask.shape == SIZE


def test_damaged_message_is_read_or_refused_and_memory_stays_flat() -> None:
    rng, sound, num_taken = dice("wire"), sound_messages(), 0
    tracemalloc.start()
    try:
        for number in range(amount(800, 120_000)):
            data = made_up(rng, sound)
            num_taken += taken(lambda data=data: read_all(data), PublishError, what=data)  # type: ignore[misc]
            if number == 200:
                warm = tracemalloc.get_traced_memory()[0]
        grown = tracemalloc.get_traced_memory()[0] - warm
    finally:
        tracemalloc.stop()
    assert num_taken > 0, "nothing was taken: what is made up is of no use"
    assert grown < 1 << 20, f"{grown} bytes more than after the first messages"


def test_damaged_mask_is_read_or_refused() -> None:
    rng = dice("masks")
    counts = [encode_rle(mask, BOX, SIZE) for mask in (disc(1), disc(2), EMPTY, ~EMPTY)]
    bits = [encode_bits(mask) for mask in (disc(1), disc(2), EMPTY, ~EMPTY)]
    for _ in range(amount(200, 30_000)):
        data, packed = damaged(rng.choice(counts), rng, counts), damaged(rng.choice(bits), rng, bits)
        x0, y0 = rng.randrange(WIDTH_PX), rng.randrange(HEIGHT_PX)
        box = x0, y0, rng.randint(x0, WIDTH_PX), rng.randint(y0, HEIGHT_PX)
        taken(lambda: decode_rle(data, SIZE), PublishError, what=data)  # noqa: B023
        taken(lambda: decode_rle_crop(data, box, SIZE), PublishError, what=(data, box))  # noqa: B023
        taken(lambda: decode_bits(packed, BOX), PublishError, what=packed)  # noqa: B023


def message_of(count: int) -> bytes:
    """A message with so many objects."""
    topic, header, payload = parts(sound_messages()[0])
    item = header["objects"][0]
    return joined(topic, {**header, "objects": [{**item, "id": number} for number in range(count)]}, payload)


def event_of(detail: Any) -> bytes:
    topic, header, payload = parts(sound_messages()[3])
    return joined(topic, {**header, "detail": detail}, payload)


def nested_lists(depth: int) -> bytes:
    return b"events/cam1\0\x01" + depth.to_bytes(4, "little") + b"\x91" * depth


def refused_or_read(data: bytes) -> None:
    taken(lambda: (decode_event if data.startswith(b"events/") else decode_message)(data), PublishError)


def test_message_costs_what_its_size_is_worth() -> None:
    sizes = (500, 1_000, 2_000)
    check_cost(message_of, refused_or_read, sizes, "objects")
    many = tuple(10 * size for size in sizes)
    check_cost(lambda n: event_of({f"k{i}": i for i in range(n)}), refused_or_read, many, "unknown keys")
    check_cost(lambda n: event_of({"a": "x" * 10 * n}), refused_or_read, many, "a long text")
    check_cost(lambda n: event_of({"a": [[]] * n}), refused_or_read, many, "small lists")
    nested = b"\x91"
    check_cost(
        lambda n: b"events/cam1\0\x01" + n.to_bytes(4, "little") + nested * n,
        refused_or_read,
        many,
        "lists in lists",
    )
    check_cost(lambda n: b"masks/" + b"x" * n, refused_or_read, many, "a topic without an end")


def test_mask_costs_what_its_size_is_worth() -> None:
    def read(data: bytes) -> None:
        taken(lambda: decode_rle(data, (4096, 4096)), PublishError)

    sizes = (100_000, 200_000, 400_000)
    check_cost(lambda n: b"1" * n, read, sizes, "runs of one pixel")
    check_cost(lambda n: b"P" * n, read, sizes, "numbers that do not end")
    check_cost(lambda n: b"o0" * (n // 2), read, sizes, "runs that go back")
