from __future__ import annotations

import asyncio
import threading

import pytest

from streamtrack.http.made_once import MadeOnce
from tests.support.video import until


async def test_all_who_ask_meanwhile_share_the_next_one() -> None:
    made: list[int] = []
    go = threading.Event()

    def make() -> int:
        made.append(len(made))
        assert go.wait(20)
        return made[-1]

    answer = MadeOnce(make)
    first = asyncio.create_task(answer.get())
    await until(lambda: made == [0], 20)
    others = [asyncio.create_task(answer.get()) for _ in range(50)]
    await asyncio.sleep(0)
    others[0].cancel()
    go.set()
    assert await first == 0
    assert await asyncio.gather(*others[1:]) == [1] * 49, "begun after they asked, and once for all"
    assert await answer.get() == 2


async def test_what_making_it_raises_reaches_each_and_the_next_is_made() -> None:
    fails = [True, False]

    def make() -> str:
        if fails.pop(0):
            raise OSError("no")
        return "yes"

    answer = MadeOnce(make)
    with pytest.raises(OSError, match="no"):
        await answer.get()
    assert await answer.get() == "yes"
