from __future__ import annotations

import asyncio

import pytest

from streamtrack.ingest.loop_thread import LoopThread


def test_what_takes_too_long_has_cleaned_up_once_that_is_told() -> None:
    cleaned: list[str] = []

    async def slow() -> None:
        try:
            await asyncio.sleep(600)
        finally:
            await asyncio.sleep(0.05)
            cleaned.append("up")

    thread = LoopThread("slow")
    try:
        with pytest.raises(TimeoutError):
            thread.wait(slow(), 0.05)
        assert cleaned == ["up"]
    finally:
        thread.end(20)
