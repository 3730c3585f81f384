"""Results to publish, and sockets that are known to be connected."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction

import numpy as np
import zmq

from streamtrack.client import ClientKeys, EventSubscriber, MaskMessage, MaskSubscriber
from streamtrack.config import CurveConfig, ZmqConfig
from streamtrack.errors import PublishError
from streamtrack.frame import BoolMask, Event, Frame, FrameResult, ObjectMask, StageTimes
from streamtrack.publish.zmq_publisher import ZmqPublisher
from streamtrack.telemetry import Telemetry

HEIGHT_PX, WIDTH_PX = 90, 160
TIMEOUT_MS = 20_000
"""Far above what loopback takes on a busy machine; only a failure waits this long."""
QUIET_MS = 20
"""How long a message that was published may be under way before another one is tried."""
MARKERS = itertools.count(1_000_000)


def make_result(
    frame_idx: int = 0,
    masks: Mapping[int, BoolMask] | None = None,
    *,
    events: tuple[Event, ...] = (),
    pts: int | None = 3000,
) -> FrameResult:
    """A tracked frame; without `masks` one disc whose place tells the frame."""
    if masks is None:
        masks = {1: disc(frame_idx)}
    height, width = next(iter(masks.values())).shape if masks else (HEIGHT_PX, WIDTH_PX)
    frame = Frame(
        image=np.zeros((height, width, 3), np.uint8),
        seq=frame_idx,
        pts=pts,
        time_base=Fraction(1, 90_000),
        capture_monotonic_ns=time.monotonic_ns(),
        capture_wall_ns=time.time_ns(),
    )
    objects = {
        object_id: ObjectMask.from_mask(mask, object_id, label=f"object {object_id}", object_score=0.9)
        for object_id, mask in masks.items()
    }
    return FrameResult(frame_idx, frame, objects, StageTimes(1, 2, 3), events)


def disc(seed: int, height: int = HEIGHT_PX, width: int = WIDTH_PX) -> BoolMask:
    """A ragged disc, (height, width) bool, another for each seed."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    x0, y0 = rng.uniform(0, width), rng.uniform(0, height)
    mask: BoolMask = np.hypot(x - x0, y - y0) + rng.normal(0, 0.5, (height, width)) < height / 4
    return mask


@contextmanager
def nothing_but_publish_error() -> Iterator[None]:
    """Let pass what is read, and what is refused in one line."""
    try:
        yield
    except PublishError as error:
        if "\n" in str(error):
            raise AssertionError(f"not one line: {error!r}") from error


def make_publisher(
    address: str = "tcp://127.0.0.1:0",
    *,
    telemetry: Telemetry | None = None,
    curve: CurveConfig | None = None,
) -> ZmqPublisher:
    """A publisher with the default bounds."""
    return ZmqPublisher(ZmqConfig(masks_address=address, curve=curve), telemetry or Telemetry())


def join(publisher: ZmqPublisher, subscriber: MaskSubscriber, stream: str = "cam1") -> MaskMessage:
    """Publish until the subscription has arrived and nothing is under way; the message that was read last."""
    for marker in _markers(publisher):
        publisher.publish(stream, make_result(marker), "nano")
        while message := subscriber.receive(QUIET_MS):
            if message.frame_idx == marker:
                return message
    raise AssertionError("unreachable")


def join_events(
    publisher: ZmqPublisher, subscriber: EventSubscriber, event: Event, stream: str = "cam1"
) -> None:
    """Publish an event until the subscription has arrived and nothing is under way."""
    for marker in _markers(publisher):
        publisher.publish_events(stream, [replace(event, frame_idx=marker)])
        while message := subscriber.receive(QUIET_MS):
            if message.frame_idx == marker:
                return


def _markers(publisher: ZmqPublisher) -> Iterator[int]:
    """Numbers that no frame and no other call has, each to be published once until one of them is heard.

    A message that was heard tells that everything before it was heard or lost: however slow the machine is,
    none can come later. Silence for a while tells no such thing.
    """
    deadline = time.monotonic() + TIMEOUT_MS / 1e3
    for marker in MARKERS:
        assert time.monotonic() < deadline, f"nothing came from {publisher.address} within {TIMEOUT_MS} ms"
        yield marker


def keypair() -> tuple[str, str]:
    """A public and a secret key in Z85."""
    public, secret = zmq.curve_keypair()
    return public.decode(), secret.decode()


def make_curve(num_clients: int = 1) -> tuple[CurveConfig, list[ClientKeys]]:
    """A server's keys, and those of clients that are on its list."""
    server_public, server_secret = keypair()
    clients = [ClientKeys(server_public, *keypair()) for _ in range(num_clients)]
    config = CurveConfig(
        server_secret_key=server_secret,
        server_public_key=server_public,
        allowed_client_keys=tuple(keys.public_key for keys in clients),
    )
    return config, clients
