"""Commands to one stream."""

from __future__ import annotations

import time
from typing import Any, Literal, SupportsIndex

import zmq
from numpy.typing import ArrayLike

from streamtrack.client.connection import ClientKeys, Connection, check_stream, check_timeout
from streamtrack.control.envelope import MAX_TOKEN_CHARS, Answer, decode_reply, encode_request
from streamtrack.errors import ConfigError, ObjectMemoryError, PublishError, ShapeError, StreamTrackError
from streamtrack.frame import BoolMask
from streamtrack.object_record import MAX_MEMORY_BYTES, CandidateInfo, ObjectInfo, RunLengths
from streamtrack.prompt import Prompt, Values, check_frame_idx, check_index, check_label, check_object_id
from streamtrack.publish.mask_codec import check_frame_size, decode_rle, encode_rle


class Control(Connection):
    """Commands to one stream. Used from one thread at a time.

    Every method raises PublishError where no answer comes in time (the command may still be carried out), and
    the error that the server refused it with: PromptError, FrameExpiredError, ShapeError, CapacityError,
    UnauthorizedError, ForbiddenError (both of streamtrack.access.refusals).
    """

    def __init__(
        self,
        address: str,
        stream: str,
        *,
        timeout_ms: int = 5_000,
        keys: ClientKeys | None = None,
        token: str | None = None,
    ) -> None:
        """Connect to the server's `control_address`.

        Args:
            keys: for a server that asks for CURVE.
            token: of a key that `streamtrack keys make` made: who commands. It goes with each command as it
                is, so over the network only under CURVE.
        Raises:
            PublishError: `address` is none.
            ConfigError: a key, the token, the stream's name or the time is none.
        """
        check_stream(stream)
        if token is not None and (not isinstance(token, str) or not 0 < len(token) <= MAX_TOKEN_CHARS):
            raise ConfigError("token is none, expected what `streamtrack keys make` printed")
        if check_timeout(timeout_ms) is None:
            raise ConfigError("timeout_ms is None, expected milliseconds: an answer may never come")
        super().__init__(zmq.DEALER, address, keys)
        self.stream = stream
        self._token = token
        self.timeout_ms = timeout_ms
        self._last_request_id = time.time_ns()
        self.socket.maxmsgsize = MAX_MEMORY_BYTES
        # A request is sent to a server that is there or not at all: none waits to surprise a server that
        # starts later.
        self.socket.immediate = True
        self.connect()

    def add(
        self,
        object_id: SupportsIndex | None = None,
        *,
        points: Values | None = None,
        labels: Values | None = None,
        box: Values | None = None,
        mask: ArrayLike | None = None,
        memory: bytes | None = None,
        label: str = "",
        at_frame: SupportsIndex | float | None = None,
        anywhere: bool = False,
    ) -> Answer:
        """Start to follow an object; the answer names it and the frame on which it starts.

        Args:
            memory: what `export` or `streamtrack remember` gave, in place of a prompt; the answer's `objects`
                then tell how the object stands.
            anywhere: a memory's object may be elsewhere in the picture, which is looked at as a whole first.
            object_id: None takes the next free one.
            points: x, y in pixels of the frame, in any container that `Prompt` takes.
            labels: 1 on the object, 0 off it; None: all 1.
            box: x0, y0, x1, y1 in pixels.
            mask: (H, W) bool, the size of the frame.
            at_frame: the tracked frame that the prompt belongs to; None the newest.
        """
        prompt = Prompt(0 if object_id is None else object_id, points, labels, box, mask, label, at_frame)
        named = {"object_id": None if object_id is None else prompt.object_id, "label": prompt.label}
        if memory is None:
            return self._ask("add", **named, **_plain(prompt))
        if not prompt.is_empty:
            raise ObjectMemoryError("a memory comes with a prompt, expected one of the two")
        where = {"at_frame": prompt.at_frame, "anywhere": anywhere}
        return self._exchange("add_memory", _checked(memory), **named, **where)[0]

    def propose(
        self,
        memory: bytes | None = None,
        *,
        source: str | None = None,
        source_id: SupportsIndex | None = None,
        start: Literal["never", "sure", "always"] = "sure",
        min_score: float = 0.5,
        object_id: SupportsIndex | None = None,
        label: str = "",
    ) -> Answer:
        """Look in the newest frame for an object that is known from elsewhere: `likeness` is how surely it is
        the same, 0 to 1, `candidates` what was found, `object_id` the object that was started, or None.

        Args:
            memory: what `export` or `streamtrack remember` gave, or else
            source, source_id: another stream of the server, and its object.
            start: follow it: never, where it scores `min_score` (sure), or whatever was found (always).
            object_id: None takes the next free one.
        """
        named = {"object_id": None if object_id is None else check_object_id(object_id), "label": label}
        how = {"start": start, "min_score": min_score}
        if memory is not None and source is None and source_id is None:
            return self._exchange("propose", _checked(memory), **named, **how)[0]
        if memory is not None or source is None or source_id is None:
            raise ObjectMemoryError("propose: expected a memory, or a source with its source_id")
        return self._ask("add_from", source=source, source_id=check_object_id(source_id), **named, **how)

    def export(self, object_id: SupportsIndex) -> bytes:
        """All that is remembered of an object, as a safetensors file for `add(memory=...)`."""
        _, memory = self._exchange("export", None, object_id=check_object_id(object_id))
        if memory is None:
            raise PublishError(f"{self.address}: the answer to 'export' holds no memory")
        return memory

    def correct(
        self,
        object_id: SupportsIndex,
        *,
        points: Values | None = None,
        labels: Values | None = None,
        box: Values | None = None,
        mask: ArrayLike | None = None,
        at_frame: SupportsIndex | float | None = None,
    ) -> Answer:
        """Correct the mask of an object; arguments as `add`."""
        prompt = Prompt(object_id, points, labels, box, mask, at_frame=at_frame)
        return self._ask("correct", object_id=prompt.object_id, **_plain(prompt))

    def undo(self, object_id: SupportsIndex | None = None) -> Answer:
        """Take the last prompt of an object back, or with None the last one of the stream; `undone` says what
        it was, after "start" the object is gone."""
        return self._ask("undo", object_id=None if object_id is None else check_object_id(object_id))

    def clear(self, object_id: SupportsIndex, *, at_frame: SupportsIndex | float | None = None) -> Answer:
        """Take all prompts of an object on a tracked frame back; None: that of its newest prompt."""
        frame_idx = None if at_frame is None else check_frame_idx(at_frame)
        return self._ask("clear", object_id=check_object_id(object_id), at_frame=frame_idx)

    def candidates(self, object_id: SupportsIndex) -> tuple[CandidateInfo, ...]:
        """The masks that an object's newest click may mean, the largest first; see `decode_mask`."""
        return self._ask("candidates", object_id=check_object_id(object_id)).candidates

    def choose(self, object_id: SupportsIndex, index: SupportsIndex) -> Answer:
        """Give an object another of its candidates."""
        chosen = check_index(index, "index")
        return self._ask("choose", object_id=check_object_id(object_id), index=chosen)

    def start_over(
        self,
        object_id: SupportsIndex,
        *,
        points: Values | None = None,
        labels: Values | None = None,
        box: Values | None = None,
        mask: ArrayLike | None = None,
        label: str | None = None,
        at_frame: SupportsIndex | float | None = None,
    ) -> Answer:
        """Forget all of an object but its id and its label (None keeps that, too), and follow what the prompt
        shows; arguments as `add`."""
        prompt = Prompt(object_id, points, labels, box, mask, label or "", at_frame)
        return self._ask("start_over", object_id=prompt.object_id, label=label, **_plain(prompt))

    def merge(self, object_id: SupportsIndex, other_id: SupportsIndex) -> Answer:
        """Make one object of two: the first lives on, the other is removed. The union of their masks on the
        newest frame is what is remembered."""
        return self._ask("merge", object_id=check_object_id(object_id), other_id=check_object_id(other_id))

    def remove(self, object_id: SupportsIndex) -> Answer:
        """Stop following an object."""
        return self._ask("remove", object_id=check_object_id(object_id))

    def label(self, object_id: SupportsIndex, label: str) -> Answer:
        """Call an object something."""
        known_id = check_object_id(object_id)
        return self._ask("label", object_id=known_id, label=check_label(label, f"object {known_id}"))

    def list(self) -> tuple[ObjectInfo, ...]:
        """The objects that are followed."""
        return self._ask("list").objects

    def pause(self) -> Answer:
        """Stop tracking until `resume`."""
        return self._ask("pause")

    def resume(self) -> Answer:
        """Go on tracking."""
        return self._ask("resume")

    def _ask(self, op: str, **arguments: Any) -> Answer:
        return self._exchange(op, None, **arguments)[0]

    def _exchange(self, op: str, sent: bytes | None, **arguments: Any) -> tuple[Answer, bytes | None]:
        """Send one command, a memory behind it or none, and wait for its answer and the memory behind that;
        late answers to earlier commands are passed over."""
        self._last_request_id += 1
        command = {"op": op, "stream": self.stream, **arguments}
        request = encode_request(command, self._last_request_id, self._token)
        deadline = time.monotonic() + self.timeout_ms / 1e3
        if not self.wait(self.timeout_ms, zmq.POLLOUT):
            raise PublishError(
                f"{self.address}: no connection within {self.timeout_ms} ms, expected a server that knows us"
            )
        self.socket.send_multipart([request] if sent is None else [request, sent], zmq.DONTWAIT)
        while (remaining_ms := (deadline - time.monotonic()) * 1e3) > 0:
            if not self.wait(remaining_ms):
                break
            body, *behind = self.socket.recv_multipart()
            reply = decode_reply(body, self._last_request_id)
            if isinstance(reply, StreamTrackError):
                raise reply
            if reply is not None:
                return reply, behind[0] if behind else None
        raise PublishError(f"{self.address}: no answer to {op!r} within {self.timeout_ms} ms")


def decode_mask(mask: RunLengths) -> BoolMask:
    """(H, W) bool.

    Raises:
        PublishError: the run lengths are damaged.
    """
    return decode_rle(mask.counts.encode(), check_frame_size(mask.size))


def _checked(memory: object) -> bytes:
    if not isinstance(memory, bytes | bytearray | memoryview):
        raise ObjectMemoryError(f"memory is {type(memory).__name__}, expected bytes, as `export` gives them")
    if memoryview(memory).nbytes > MAX_MEMORY_BYTES:
        num_bytes = memoryview(memory).nbytes
        raise ObjectMemoryError(f"memory has {num_bytes} bytes, expected at most {MAX_MEMORY_BYTES}")
    return bytes(memory)


def _plain(prompt: Prompt) -> dict[str, Any]:
    """The prompt's part of a command, in plain values."""
    return {
        "points": prompt.points.tolist(),
        "labels": prompt.labels.tolist() if len(prompt.points) else None,
        "box": None if prompt.box is None else prompt.box.tolist(),
        "mask": None if prompt.mask is None else _as_rle(prompt.mask),
        "at_frame": prompt.at_frame,
    }


def _as_rle(mask: BoolMask) -> dict[str, Any]:
    """A (H, W) bool mask as COCO run lengths."""
    if mask.size == 0:
        raise ShapeError(f"mask has shape {mask.shape}, expected (H, W)")
    height, width = mask.shape
    counts = encode_rle(mask, (0, 0, width, height), (height, width))
    return {"size": [height, width], "counts": counts.decode("ascii")}
