"""Commands on their way, when the stream ends."""

from __future__ import annotations

import asyncio

import pytest

from streamtrack.control.commands import ListCommand
from streamtrack.errors import StreamOfflineError
from streamtrack.pipeline.inbox import CommandInbox
from tests.support.waiting import SOON_S


@pytest.mark.parametrize("begun", [False, True])
async def test_command_is_answered_when_the_stream_ends_though_its_step_has_not(begun: bool) -> None:
    inbox = CommandInbox("cam", 4, lambda: None)
    answer = asyncio.create_task(inbox.submit(ListCommand(stream="cam"), SOON_S))
    await asyncio.sleep(0)
    if begun:
        assert inbox.claim(lambda _: True) is not None
    inbox.close("the stream is stopped")
    with pytest.raises(StreamOfflineError, match="cam: the stream is stopped"):
        await asyncio.wait_for(answer, SOON_S)
    with pytest.raises(StreamOfflineError, match="cam: the stream is stopped"):
        await inbox.submit(ListCommand(stream="cam"), SOON_S)
