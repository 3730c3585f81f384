"""Twenty streams that come and go, again and again, beside one that stays: nothing grows, and the one that
stays drops no frame."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import sys
import threading
import weakref

import psutil
import pytest

from streamtrack.streams.running_stream import RunningStream, Shared
from streamtrack.streams.streams import Streams
from tests.streams.test_streams import frames, live, run
from tests.support.video import until

NUM_STREAMS, ROUNDS, WARM_ROUNDS = 20, 6, 2
SLOW = "synthetic:leave?fps=0.2&width=160&height=90"
"""A camera that asks little of the model: what is looked at is what coming and going costs, and twenty that
asked more than one processor has would take frames from each other however they came."""
LIMIT_S = 120
MEBIBYTE = 1 << 20
MAX_GROWTH = 96 * MEBIBYTE
"""Over four rounds of twenty. The allocator's arenas swing by 40 MB from round to round; 80 streams that were
kept would be 160 MB and more."""


def settled() -> tuple[int, int, int]:
    """Threads but those of pools, descriptors and resident bytes, once everything unused is given back."""
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)
    own = sum(not one.name.startswith("asyncio_") for one in threading.enumerate())
    return own, len(os.listdir("/proc/self/fd")), psutil.Process().memory_info().rss


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_twenty_streams_come_and_go_and_the_one_that_stays_drops_nothing() -> None:
    kept: list[weakref.ref[RunningStream]] = []

    async def work(streams: Streams, shared: Shared) -> None:
        stays = RunningStream(live("stays", "synthetic:leave?fps=1&width=160&height=90"), shared)
        streams.add(stays)
        await until(lambda: frames(streams, "stays") > 2)

        async def come(name: str) -> None:
            stream = await asyncio.to_thread(RunningStream, live(name, SLOW), shared)
            kept.append(weakref.ref(stream))
            streams.add(stream)
            await until(lambda: frames(streams, name) >= 0, LIMIT_S)

        for round_ in range(ROUNDS):
            if round_ == WARM_ROUNDS:
                before = settled()
                stays.pipeline.report()
                dropped_before = dict(stays.pipeline.totals.dropped)
            names = [f"cam{round_}-{number}" for number in range(NUM_STREAMS)]
            for name in names:
                await come(name)
            await asyncio.gather(*map(streams.remove, names))
        await until(lambda: settled()[:2] == before[:2], LIMIT_S)
        after = settled()
        stays.pipeline.report()
        print("threads, descriptors, bytes:", before, after, stays.pipeline.totals.dropped)
        assert [one for one in kept if one() is not None] == []
        assert after[2] - before[2] < MAX_GROWTH
        assert dict(stays.pipeline.totals.dropped) == dropped_before, "another stream's coming cost a frame"

    run(work)
