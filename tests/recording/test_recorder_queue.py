"""A full queue loses whole groups of pictures, never one out of the middle, and nothing that is told once."""

from __future__ import annotations

import pytest

from streamtrack.mailbox import MailboxClosed
from streamtrack.recording.recorder_queue import Item, ItemKind, RecorderQueue


def item(kind: ItemKind, size: int = 10, lane: str = "clean") -> Item:
    return Item(lambda: None, kind, lane, size)


def test_full_queue_drops_to_the_next_keyframe_of_that_lane() -> None:
    queue = RecorderQueue(max_bytes=30)
    assert queue.put(item(ItemKind.KEYFRAME))
    assert queue.put(item(ItemKind.PICTURE))
    assert queue.put(item(ItemKind.PICTURE))
    assert not queue.put(item(ItemKind.PICTURE))
    for _ in range(3):
        assert queue.get(0) is not None
    assert not queue.put(item(ItemKind.PICTURE)), "it is built on one that is gone"
    assert queue.put(item(ItemKind.PICTURE, lane="overlay"))
    assert queue.put(item(ItemKind.KEYFRAME))
    assert queue.put(item(ItemKind.PICTURE))


def test_full_queue_takes_what_is_told_once_and_drops_masks_alone() -> None:
    queue = RecorderQueue(max_bytes=10)
    assert queue.put(item(ItemKind.KEYFRAME))
    assert not queue.put(item(ItemKind.ASIDE))
    assert queue.put(item(ItemKind.NEEDED, 0))
    assert queue.get(0) is not None
    assert queue.put(item(ItemKind.PICTURE))


def test_pictures_to_encode_are_few() -> None:
    queue = RecorderQueue(max_frames=2)
    assert [queue.put(item(ItemKind.FRAME)) for _ in range(3)] == [True, True, False]
    queue.get(0)
    assert queue.put(item(ItemKind.FRAME))


def test_closed_queue_gives_what_it_holds_and_ends() -> None:
    queue = RecorderQueue()
    queue.put(item(ItemKind.PICTURE))
    queue.close()
    assert queue.put(item(ItemKind.PICTURE)), "nobody misses it"
    assert queue.get(0) is not None
    with pytest.raises(MailboxClosed):
        queue.get(0)
