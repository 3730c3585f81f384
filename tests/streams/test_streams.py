"""Streams that come and go while others run: nothing is left of them, and nobody else notices."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from streamtrack.alerts.hub import AlertsHub
from streamtrack.clock import SYSTEM_CLOCK
from streamtrack.config import AlertsConfig, StreamConfig, TrackingConfig
from streamtrack.errors import DuplicateStreamError, UnknownStreamError
from streamtrack.streams.running_stream import RunningStream, Shared
from streamtrack.streams.streams import Streams
from tests.support.pipelines import SCENE, nano, publishing, stream_config
from tests.support.video import until

SMALL = f"synthetic:{SCENE}?fps=5&width=160&height=90"


@contextmanager
def shared_parts() -> Iterator[Shared]:
    with publishing() as (publisher, telemetry):
        yield Shared(telemetry, publisher, AlertsHub(AlertsConfig(), telemetry), SYSTEM_CLOCK)


def live(name: str, url: str = SMALL) -> StreamConfig:
    return stream_config(url, name, pace="newest", tracking=TrackingConfig(window="off", max_objects=2))


def run(work: Callable[[Streams, Shared], Coroutine[Any, Any, None]]) -> None:
    async def whole(shared: Shared) -> None:
        streams = Streams(shared)
        streams.open(asyncio.get_running_loop())
        streams.start(nano())
        try:
            await work(streams, shared)
        finally:
            await streams.stop()
            assert not streams.left_behind

    with shared_parts() as shared:
        asyncio.run(whole(shared))


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def frames(streams: Streams, name: str) -> int:
    newest = streams.get(name).pipeline.newest
    return -1 if newest is None else newest.frame_idx


def test_stream_that_is_added_tracks_and_one_that_is_removed_leaves_nothing() -> None:
    async def work(streams: Streams, shared: Shared) -> None:
        streams.add(RunningStream(live("stays"), shared))
        await until(lambda: frames(streams, "stays") > 2)

        async def come_and_go(name: str) -> None:
            streams.add(RunningStream(live(name), shared))
            await until(lambda: frames(streams, name) >= 0)
            await streams.remove(name)
            assert name not in streams

        await come_and_go("warm-up")
        gc.collect()
        before = threading.active_count(), descriptors()
        for round_ in range(3):
            await asyncio.gather(*(come_and_go(f"cam{round_}-{number}") for number in range(3)))
        gc.collect()
        workers = sum(one.name.startswith("asyncio_") for one in threading.enumerate())
        await until(lambda: threading.active_count() <= before[0] + workers)
        assert descriptors() <= before[1]
        exposed = shared.telemetry.expose().decode()
        assert 'stream="stays"' in exposed
        assert 'stream="cam' not in exposed

    run(work)


def test_events_of_coming_and_going_reach_watchers_whose_streams_end() -> None:
    async def work(streams: Streams, shared: Shared) -> None:
        stream = RunningStream(live("cam"), shared)
        with stream.pipeline.watch_events() as events:
            streams.add(stream)
            assert (await events.get_async()).kind == "stream_added"
            await until(lambda: frames(streams, "cam") >= 0)
            await streams.remove("cam")
            kinds = []
            while (event := events.peek()) is not None:
                kinds.append((event.kind.value, event.detail.get("reason")))
                await events.get_async()
        assert kinds[-1] == ("stream_removed", "it was removed")
        assert [totals.stream for totals in streams.totals] == ["cam"]

    run(work)


def test_names_are_unique_and_unknown_ones_are_told() -> None:
    async def work(streams: Streams, shared: Shared) -> None:
        streams.add(RunningStream(live("cam"), shared))
        with pytest.raises(DuplicateStreamError):
            streams.add(RunningStream(live("cam"), shared))
        with pytest.raises(UnknownStreamError):
            await streams.remove("other")

    run(work)


def test_replaced_stream_goes_on_under_its_name_and_with_its_counters() -> None:
    async def work(streams: Streams, shared: Shared) -> None:
        streams.add(RunningStream(live("cam"), shared))
        await until(lambda: frames(streams, "cam") >= 0)
        former = streams.get("cam")
        await streams.replace(RunningStream(live("cam", f"{SMALL}&seed=2"), shared))
        assert streams.get("cam") is not former
        await until(lambda: frames(streams, "cam") >= 0)
        assert 'stream="cam"' in shared.telemetry.expose().decode()

    run(work)
