"""A control socket over an executor that is no tracker, and a client that knows nothing but ZeroMQ."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import zmq
import zmq.asyncio

from streamtrack.config import CurveConfig, ZmqConfig
from streamtrack.control.commands import (
    AddCommand,
    Answer,
    AnyCommand,
    CorrectCommand,
    ExportAnswer,
    LabelCommand,
    ListCommand,
    PauseCommand,
    RemoveCommand,
)
from streamtrack.control.memory_commands import AddMemoryCommand, ExportCommand
from streamtrack.control.zmq_control import ZmqControl
from streamtrack.errors import (
    CapacityError,
    FrameExpiredError,
    PromptError,
    UnknownStreamError,
)
from streamtrack.frame import BoolMask
from streamtrack.object_record import ObjectInfo
from streamtrack.publish.mask_codec import decode_rle
from tests.support.masks import TIMEOUT_MS

FRAME_IDX = 42


class OneStream:
    """An executor that follows objects without a tracker: ids, labels and masks are kept, frames are not."""

    def __init__(self) -> None:
        self.objects: dict[int, str] = {}
        self.masks: dict[int, BoolMask] = {}
        self.commands: list[AnyCommand] = []
        self.memory = b""
        self.paused = False
        self.asked = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        """Cleared by a test that wants commands to wait."""

    async def execute(self, command: AnyCommand) -> Answer:
        self.commands.append(command)
        self.asked.set()
        await self.gate.wait()
        if command.stream != "cam1":
            raise UnknownStreamError(command.stream, self.stream_names())
        answer = Answer(stream="cam1", op=command.op, frame_idx=FRAME_IDX, paused=self.paused)
        match command:
            case AddMemoryCommand():
                self.memory = command.memory
            case ExportCommand():
                return ExportAnswer(**answer.model_dump(), memory=self.memory)
            case AddCommand():
                return answer.model_copy(update={"object_id": self._add(command)})
            case CorrectCommand(object_id=object_id) | RemoveCommand(object_id=object_id) if (
                object_id not in self.objects
            ):
                raise PromptError(f"object_id is {object_id}, expected one of: {list(self.objects)}")
            case CorrectCommand(at_frame=int(at_frame)) if at_frame < 10:
                raise FrameExpiredError(at_frame, 10, FRAME_IDX)
            case RemoveCommand():
                del self.objects[command.object_id]
            case LabelCommand():
                self.objects[command.object_id] = command.label
            case ListCommand():
                return answer.model_copy(update={"objects": tuple(map(self._info, self.objects))})
            case PauseCommand():
                self.paused = True
                return answer.model_copy(update={"paused": True})
        return answer

    def stream_names(self) -> Sequence[str]:
        return ["cam1"]

    def _add(self, command: AddCommand) -> int:
        if command.label == "boom":
            raise RuntimeError("a secret of the server")
        if len(self.objects) == 3:
            raise CapacityError("3 objects are followed, expected at most 3")
        object_id = len(self.objects) + 1 if command.object_id is None else command.object_id
        if command.mask is not None:
            self.masks[object_id] = decode_rle(command.mask.counts.encode(), command.mask.size)
        self.objects[object_id] = command.label
        return object_id

    def _info(self, object_id: int) -> ObjectInfo:
        return ObjectInfo(
            object_id=object_id,
            label=self.objects[object_id],
            state="tracking",
            object_score=0.9,
            iou_score=0.8,
            box=(1, 2, 3, 4),
            area_px=4,
            centroid=(2.0, 3.0),
            added_at_frame=7,
        )


@asynccontextmanager
async def serving(
    executor: OneStream | None = None, curve: CurveConfig | None = None
) -> AsyncIterator[ZmqControl]:
    control = ZmqControl(ZmqConfig(control_address="tcp://127.0.0.1:0", curve=curve), executor or OneStream())
    await control.start()
    try:
        yield control
    finally:
        await control.stop()


@asynccontextmanager
async def raw_client(address: str, kind: int = zmq.DEALER) -> AsyncIterator[zmq.asyncio.Socket]:
    with zmq.asyncio.Context() as context, context.socket(kind) as socket:
        socket.linger = 0
        socket.rcvtimeo = socket.sndtimeo = TIMEOUT_MS
        socket.connect(address)
        yield socket


async def ask_json(socket: zmq.asyncio.Socket, request: Any) -> dict[str, Any]:
    await socket.send(json.dumps(request).encode())
    reply = json.loads(await socket.recv())
    assert isinstance(reply, dict)
    return reply
