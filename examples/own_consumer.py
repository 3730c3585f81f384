"""How do I act on what a live stream sees, in Python? own_consumer.py SOURCE SECONDS counts what it sees."""

import asyncio
import sys

from streamtrack.config import Config, HttpConfig, SceneAutoprompt, SourceConfig, StreamConfig, ZmqConfig
from streamtrack.frame import Update
from streamtrack.server import Server


class Count:
    """Called from a thread of its own: may be slow, then it gets the newest frames."""

    name = "count"

    def __init__(self) -> None:
        self.frames = 0

    def take(self, update: Update) -> None:
        for event in update.events:
            print(event.kind, event.object_id, dict(event.detail))
        if update.result is not None and not update.revises:
            self.frames += 1

    def close(self) -> None:
        print("frames", self.frames)


source = SourceConfig.model_validate({"url": sys.argv[1]})
stream = StreamConfig(name="cam", source=source, autoprompt=SceneAutoprompt())
zmq = ZmqConfig(masks_address="tcp://127.0.0.1:*", control_address=None)
server = Server(Config(streams=(stream,), http=HttpConfig(port=0), zmq=zmq))
server.attach("cam", Count(), capacity=1)
asyncio.run(server.run(duration_s=float(sys.argv[2])))
