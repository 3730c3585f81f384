"""Puts pictures together again that FFmpeg tore apart.

FFmpeg takes a parameter set for the beginning of a picture. Some cameras (GStreamer's RTSP server with
several slices a picture) repeat the sets before every slice of a keyframe, so that each slice comes as a
packet of its own, and decodes as a picture of which most is missing.
"""

from __future__ import annotations

from typing import Any

import av

from streamtrack.ingest.coded_pictures import CodedPicture

MAX_SLICES = 64
"""A picture has no more; what goes on and on is no picture."""


class TornPictures:
    """Joins the packets of one stream.

    Keyframes are held until the packet after them shows that they are whole: the first one always, the others
    only in streams where one was found torn.
    """

    def __init__(self) -> None:
        self._held: tuple[Any, CodedPicture] | None = None
        self._is_first = True
        self._is_torn = False
        self._num_joined = 0

    def take(self, packet: Any, coded: CodedPicture) -> list[tuple[Any, CodedPicture]]:
        """The packets that are whole now, in order."""
        if coded.continues and coded.is_keyframe:
            self._is_torn = True
            if self._held is not None and self._num_joined < MAX_SLICES:
                self._held = (_join(self._held[0], packet), self._held[1])
                self._num_joined += 1
                return []
        whole = self.flush()
        if coded.is_keyframe and not coded.continues and (self._is_first or self._is_torn):
            self._held, self._is_first, self._num_joined = (packet, coded), False, 1
        else:
            whole.append((packet, coded))
        return whole

    def flush(self) -> list[tuple[Any, CodedPicture]]:
        """What is held, at the end."""
        held, self._held = self._held, None
        return [] if held is None else [held]


def _join(first: Any, second: Any) -> Any:
    """One packet with the bytes of both and the times of the first."""
    packet = av.Packet(bytes(first) + bytes(second))
    packet.pts, packet.dts, packet.time_base = first.pts, first.dts, first.time_base
    packet.is_keyframe = first.is_keyframe
    return packet
