"""Documents of the state folder, and stores that are killed while they write."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from streamtrack.frame import ObjectMask, ObjectState
from streamtrack.publish.mask_codec import encode_rle
from streamtrack.state.documents import KeptObject, StreamDocument
from streamtrack.state.when import Moment


def kept_object(object_id: int, label: str = "", shift: int = 0) -> KeptObject:
    mask = np.zeros((24, 32), np.bool_)
    mask[4 + shift : 9 + shift, 3:12] = True
    found = ObjectMask.from_mask(mask, object_id, label=label)
    counts = encode_rle(found.crop, found.box, found.frame_size).decode()
    return KeptObject(object_id, label, ObjectState.TRACKING, 0.9, 0.8, found.box, found.frame_size, counts)


def document(*objects: KeptObject, stream: str = "cam", frame_idx: int = 7, **keys: Any) -> StreamDocument:
    highest = max((one.object_id for one in objects), default=0)
    told = {"highest_id": highest, "saved": Moment(1_700_000_000_000_000_000), "source": "synthetic:demo"}
    return StreamDocument(stream=stream, frame_idx=frame_idx, objects=list(objects), **{**told, **keys})


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


STEPS = ("open", "fsync", "replace", "unlink", "pwrite", "mkdir")
"""What a store asks the system for, and may die before."""


@contextmanager
def killed_at(number: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], int]]:
    """The process dies at its n-th request to the system, with half of what it wrote on the disk; gives how
    many there were."""
    asked = 0

    def dies(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **keys: Any) -> Any:
            nonlocal asked
            asked += 1
            if asked > number:
                if name == "fsync":
                    handle = arguments[0]
                    size = os.fstat(handle).st_size
                    if os.path.isfile(f"/proc/self/fd/{handle}"):
                        os.ftruncate(handle, size // 2)
                raise Killed
            return real(*arguments, **keys)

        return call

    with monkeypatch.context() as patch:
        for name in STEPS:
            patch.setattr(os, name, dies(name, getattr(os, name)))
        yield lambda: asked
