"""What stands in front of a film's first fragment, made from a camera's stream or from a first keyframe.

It is kept as bytes: a film can begin with them in any thread, long after the camera's container was closed.
"""

from __future__ import annotations

import io
from typing import Any

import av
import av.error
import av.logging

from streamtrack.errors import PublishError

_FRAGMENTED = {"movflags": "empty_moov+default_base_moof"}


def head_of_stream(stream: Any) -> bytes:
    """The head of films that hold an open input stream's packets.

    Raises:
        PublishError: MP4 cannot hold them.
    """
    file = io.BytesIO()
    try:
        with av.open(file, "w", format="mp4", options=_FRAGMENTED) as container:
            container.add_stream_from_template(stream, opaque=True)
            container.start_encoding()
    except (av.error.FFmpegError, ValueError) as error:
        raise PublishError(f"{stream.codec_context.name}: MP4 cannot hold its packets: {error}") from error
    return file.getvalue()


def head_of_keyframe(codec: str, data: bytes) -> bytes:
    """The head of films whose units stand behind start codes.

    Args:
        data: parameter sets and a keyframe.
    Raises:
        PublishError: they are not.
    """
    try:
        with av.open(io.BytesIO(data), format=codec) as container:
            return head_of_stream(container.streams.video[0])
    except (av.error.FFmpegError, IndexError) as error:
        raise PublishError(f"{codec}: no film can begin with this keyframe: {error}") from error
