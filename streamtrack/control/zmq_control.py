"""The ZeroMQ endpoint for commands: a ROUTER socket on the event loop, in front of an Executor."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from functools import partial

import zmq
import zmq.asyncio

from streamtrack.access.door import Door
from streamtrack.access.roles import Role
from streamtrack.config import ZmqConfig
from streamtrack.control.commands import Executor, ExportAnswer, parse_command
from streamtrack.control.envelope import (
    BadRequest,
    Request,
    decode_request,
    encode_answer,
    encode_refusal,
)
from streamtrack.control.sender import Judge, Sender
from streamtrack.control.untrusted import decode_off_loop, one_line
from streamtrack.errors import BusyError, ConfigError, PublishError, StreamTrackError
from streamtrack.object_record import MAX_MEMORY_BYTES
from streamtrack.publish.zmq_security import CurveGate, bind, bind_again

MAX_CONCURRENT_REQUESTS = 32
"""More than this at once is no operator; the rest is answered `busy` and may ask again."""
EXECUTE_TIMEOUT_S = 10.0
"""A command is carried out between two frames; one that takes longer met a stream that hangs."""
MAX_MEMORY_UNDER_WAY = 2 * MAX_MEMORY_BYTES
"""Bytes of objects' memories in requests under way; more than that at once is answered `busy`."""
_RECEIVE_HIGH_WATER_MARK = 2
"""Requests kept for one client while others are answered; bounds memory to two objects' memories a client."""
_SEND_HIGH_WATER_MARK = 64
"""Answers kept for a client that does not read them; what comes after is dropped."""

_log = logging.getLogger(__name__)


class ZmqControl:
    """Answers commands, in msgpack or JSON as they were asked."""

    def __init__(
        self,
        config: ZmqConfig,
        executor: Executor,
        on_refused: Callable[[str], None] | None = None,
        door: Door | None = None,
    ) -> None:
        """Bind; requests wait until `start`.

        Args:
            on_refused: told of each client that is not let in, in a thread of the socket's.
            door: who may command; None: whoever reaches the socket.
        Raises:
            PublishError: `control_address` is in use or cannot be bound.
            ConfigError: `control_address` is null, or a CURVE key is not one.
        """
        if config.control_address is None:
            raise ConfigError("zmq.control_address is null, expected an address")
        self._executor = executor
        self._judge = Judge(door or Door())
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._gate: CurveGate | None = None
        self._plain: zmq.Socket[bytes] = self._context.socket(zmq.ROUTER)
        self._socket: zmq.asyncio.Socket | None = None
        self._receiver: asyncio.Task[None] | None = None
        self._requests: set[asyncio.Task[None]] = set()
        self._memory_under_way = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._anew: asyncio.Task[None] | None = None
        try:
            if config.curve is not None:
                self._gate = CurveGate(
                    self._context,
                    config.curve,
                    Role.CONTROL,
                    on_refused=on_refused,
                    on_revoked=self._connect_anew_soon,
                )
            self._set_options()
            self.address = bind(self._plain, config.control_address, "zmq.control_address")
            """The real address, with the port that was taken where 0 or * was asked for."""
        except BaseException:
            self._close()
            raise

    def _set_options(self) -> None:
        if self._gate is not None:
            self._gate.guard(self._plain)
        self._plain.linger = 0
        self._plain.maxmsgsize = MAX_MEMORY_BYTES  # of a frame; a command's own bound is lower
        self._plain.rcvhwm = _RECEIVE_HIGH_WATER_MARK
        self._plain.sndhwm = _SEND_HIGH_WATER_MARK

    async def start(self) -> None:
        """Begin to answer, on this event loop."""
        self._loop = asyncio.get_running_loop()
        self._socket = zmq.asyncio.Socket.from_socket(self._plain)
        self._receiver = asyncio.create_task(self._receive(self._socket), name="zmq-control")

    async def stop(self) -> None:
        """Stop answering and close at once; requests under way are given up. May be called again."""
        tasks = [task for task in (self._anew, self._receiver, *self._requests) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._receiver = None
        if self._socket is not None:
            self._socket.close(linger=0)
        self._close()

    def _connect_anew_soon(self) -> None:
        """Someone lost his right; from any thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended, and every connection with it
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._begin_anew)

    def _begin_anew(self) -> None:
        self._anew = asyncio.create_task(self._connect_anew(), name="zmq-control-anew")

    async def _connect_anew(self) -> None:
        """End every connection, and let those come again who still may: libzmq has no way to end one. Their
        requests wait with them; answers under way are lost."""
        if self._receiver is None or self._socket is None:
            return
        self._receiver.cancel()
        await asyncio.gather(self._receiver, return_exceptions=True)
        self._socket.close(linger=0)
        self._plain = self._context.socket(zmq.ROUTER)
        self._set_options()
        try:
            await asyncio.to_thread(bind_again, self._plain, self.address, "zmq.control_address")
        except PublishError as error:
            _log.error("no command comes in any more: %s", error)
            return
        await self.start()

    def _close(self) -> None:
        self._plain.close(linger=0)
        self._context.term()
        if self._gate is not None:
            self._gate.join()

    async def _receive(self, socket: zmq.asyncio.Socket) -> None:
        while True:
            # REQ clients put an empty frame between the address that ROUTER adds and the body, DEALER clients
            # do not.
            received = await socket.recv_multipart(copy=False)
            sender = Sender.of(received[-1], by_curve=self._gate is not None)
            address, *frames = (frame.bytes for frame in received)
            envelope = frames[:1] if frames[:1] == [b""] and len(frames) > 1 else []
            route, parts = [address, *envelope], frames[len(envelope) :]
            if not 1 <= len(parts) <= 2:
                words = f"request has {len(parts)} frames, expected one, or one and an object's memory"
                await self._send(socket, route, encode_refusal("msgpack", None, "bad_request", words))
                continue
            memory = parts[1] if len(parts) == 2 else None
            try:
                # One after the other: long requests wait in their own client's queue, not in our memory.
                request = await decode_off_loop(partial(decode_request, memory=memory), parts[0])
            except BadRequest as error:
                body = encode_refusal(error.encoding, error.request_id, error.kind, error)
                await self._send(socket, route, body)
                continue
            num_bytes = 0 if memory is None else len(memory)
            if len(self._requests) >= MAX_CONCURRENT_REQUESTS or (
                num_bytes and self._memory_under_way + num_bytes > MAX_MEMORY_UNDER_WAY
            ):
                await self._send(socket, route, _busy(request))
                continue
            task = asyncio.create_task(self._answer(socket, route, request, sender))
            self._requests.add(task)
            self._memory_under_way += num_bytes
            task.add_done_callback(partial(self._answered, num_bytes))

    def _answered(self, memory_bytes: int, task: asyncio.Task[None]) -> None:
        self._requests.discard(task)
        self._memory_under_way -= memory_bytes

    async def _answer(
        self, socket: zmq.asyncio.Socket, route: list[bytes], request: Request, sender: Sender
    ) -> None:
        await self._send(socket, route, *await self._reply_to(request, sender))

    async def _reply_to(self, request: Request, sender: Sender) -> list[bytes]:
        """Carry out one request; every way it can go wrong is a reply. The frames of the reply."""
        try:
            return await self._carried_out(request, sender)
        except TimeoutError:
            kind, words = "timeout", f"command was not carried out in {EXECUTE_TIMEOUT_S:g} s"
            return [encode_refusal(request.encoding, request.request_id, kind, words)]
        except StreamTrackError as error:
            return [encode_refusal(request.encoding, request.request_id, error.kind, error)]
        except Exception:
            _log.exception("a command failed")
            words = "the command failed, see the server's log"
            return [encode_refusal(request.encoding, request.request_id, "internal", words)]

    async def _carried_out(self, request: Request, sender: Sender) -> list[bytes]:
        principal = await self._judge.admit(request, sender)
        try:
            async with asyncio.timeout(EXECUTE_TIMEOUT_S):
                answer = await self._executor.execute(parse_command(request.command))
        except Exception as error:
            self._judge.tell(request, sender, principal, "failed", one_line(error))
            raise
        self._judge.tell(request, sender, principal, "done", object_id=answer.object_id)
        body = encode_answer(request.encoding, request.request_id, answer.model_dump(mode="json"))
        return [body, answer.memory] if isinstance(answer, ExportAnswer) else [body]

    @staticmethod
    async def _send(socket: zmq.asyncio.Socket, route: list[bytes], *parts: bytes) -> None:
        # ROUTER drops what is for a client that has gone or does not read; nothing here waits for one.
        with contextlib.suppress(zmq.ZMQError):
            await socket.send_multipart([*route, *parts])


def _busy(request: Request) -> bytes:
    """The refusal of a request that finds MAX_CONCURRENT_REQUESTS before it."""
    reason = f"{MAX_CONCURRENT_REQUESTS} commands are under way, expected fewer; ask again"
    return encode_refusal(request.encoding, request.request_id, BusyError.kind, reason)
