"""Clips of a known make, recorders that run over them, and what the files that they leave hold."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import cv2
import numpy as np

from streamtrack.clock import SYSTEM_CLOCK, Clock
from streamtrack.config import ArchiveConfig, RecordingConfig, SourceConfig, VideoConfig
from streamtrack.frame import Event, Frame, FrameResult, Image, ObjectMask, StageTimes, Update
from streamtrack.ingest import Ingest
from streamtrack.ingest.tap import Taps
from streamtrack.mailbox import Mailbox, MailboxClosed
from streamtrack.recording.film_packet import TICKS_PER_S, FilmPacket
from streamtrack.recording.frame_notes import Overlay
from streamtrack.recording.library import Library
from streamtrack.recording.shelf import Shelf
from streamtrack.recording.stream_recorder import StreamRecorder
from streamtrack.telemetry import Telemetry

FPS, GOP = 25, 25
SIZE = (160, 96)
"""Width and height of the clips in pixels."""


def picture(index: int, size: tuple[int, int] = SIZE) -> Image:
    """A picture that shows its number, and something that moves."""
    width, height = size
    image = np.full((height, width, 3), 60, np.uint8)
    x = 4 + index * 3 % (width - 40)
    image[30:60, x : x + 30] = (220, 60, 60)
    cv2.putText(image, str(index), (4, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 2)
    return image


def write_clip(
    path: Path,
    frames: int,
    *,
    codec: str = "libx264",
    b_frames: int = 0,
    gop: int = GOP,
    sizes: Sequence[tuple[int, int]] = (SIZE,),
) -> Path:
    """A clip of `frames` pictures, in as many parts of equal length as there are sizes.

    Of several sizes: MPEG-TS whose parameters change in the middle, as those of a camera that is set anew.
    """
    if len(sizes) > 1:
        names = [path.with_name(f"{path.stem}-{index}.ts") for index in range(len(sizes))]
        length = frames // len(sizes)
        parts = [
            write_clip(name, length, gop=gop, sizes=(size,)) for name, size in zip(names, sizes, strict=True)
        ]
        return _join(path, parts)
    options = {"preset": "ultrafast", "bf": str(b_frames), "g": str(gop), "sc_threshold": "0"}
    if codec == "libsvtav1":
        options = {"preset": "12", "g": str(gop)}
    if codec == "libx265":
        options["x265-params"] = f"log-level=none:bframes={b_frames}:keyint={gop}:no-open-gop=1"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=FPS, options=options)
        stream.width, stream.height = sizes[0]
        stream.pix_fmt = "yuv420p" if codec != "mjpeg" else "yuvj420p"
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(index, sizes[0]), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _join(path: Path, parts: Sequence[Path]) -> Path:
    with av.open(str(path), "w", format="mpegts") as joined:
        stream: Any = None
        behind = 0
        for part in parts:
            with av.open(str(part)) as container:
                source = container.streams.video[0]
                stream = stream or joined.add_stream_from_template(source, opaque=True)
                packets = [packet for packet in container.demux(source) if packet.size]
                begin = packets[0].dts or 0
                for packet in packets:
                    assert packet.pts is not None
                    assert packet.dts is not None
                    moved = av.Packet(bytes(packet))
                    moved.time_base, moved.is_keyframe = packet.time_base, packet.is_keyframe
                    moved.pts, moved.dts = packet.pts - begin + behind, packet.dts - begin + behind
                    moved.stream = stream
                    joined.mux(moved)
                behind += len(packets) * TICKS_PER_S // FPS
    return path


def mask_of(frame: Frame, index: int, object_id: int = 1, label: str = "ann") -> ObjectMask:
    """A mask that moves with the number of the frame."""
    mask = np.zeros(frame.image.shape[:2], np.bool_)
    x = 4 + index * 3 % (frame.width_px - 40)
    mask[30:60, x : x + 30] = True
    return ObjectMask.from_mask(mask, object_id, label=label)


@dataclass
class Recorded:
    """What a recorder left, and what it told."""

    shelf: Shelf
    library: Library
    recorder: StreamRecorder
    told: list[Event] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)
    frames: int = 0

    def all(self, stream: str = "cam") -> list[Any]:
        return list(self.library.list(stream))

    def path(self, name: str, part: str, stream: str = "cam") -> Path:
        return self.shelf.paths(self.shelf.find(stream, name))[part]

    def lines(self, name: str, stream: str = "cam") -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.path(name, "masks", stream).read_text().splitlines()[1:]]


@contextmanager
def recording(
    folder: Path,
    config: RecordingConfig,
    *,
    archive: ArchiveConfig | None = None,
    clock: Clock = SYSTEM_CLOCK,
    is_cropped: bool = False,
) -> Iterator[Recorded]:
    """A recorder of stream `cam` with an archive of its own."""
    shelf = Shelf(archive or ArchiveConfig(folder=folder, min_free_gb=0), clock)
    telemetry = Telemetry().stream("cam")
    overlay = Overlay(VideoConfig(), config.bitrate_kbps) if config.overlay else None
    told: list[Event] = []
    recorder = StreamRecorder(
        "cam", config, shelf, telemetry, clock, tell=told.append, overlay=overlay, is_cropped=is_cropped
    )
    found = Recorded(shelf, Library(shelf), recorder, told)
    try:
        yield found
    finally:
        recorder.close()
        found.dropped = telemetry.report().dropped


def record_source(
    folder: Path,
    url: str,
    config: RecordingConfig,
    *,
    events: Callable[[int], Sequence[Event]] = lambda index: (),
    frames: int | None = None,
    is_cropped: bool = False,
) -> Recorded:
    """Record a source with a mask on every frame; `frames`: stop after so many.

    Args:
        events: what happens on a frame, by its number.
    """
    with recording(folder, config, is_cropped=is_cropped) as found:
        taps = Taps()
        taps.add(found.recorder)
        mailbox: Mailbox[Frame] = Mailbox(1)
        source = SourceConfig(url=url, pace="every_frame")
        ingest = Ingest(source, mailbox, Telemetry().stream("cam"), taps=taps)
        ingest.start()
        try:
            while frames is None or found.frames < frames:
                try:
                    frame = mailbox.get(20)
                except MailboxClosed:
                    break
                assert frame is not None, "no frame came"
                index = found.frames
                objects = {1: mask_of(frame, index)}
                result = FrameResult(index, frame, objects, StageTimes())
                found.recorder.take(Update("cam", result, events=tuple(events(index))))
                found.frames += 1
        finally:
            ingest.stop()
    return found


def film_packets(clip: Path, *, first: int = 0, wall_ms: int = 1_700_000_000_000) -> list[FilmPacket]:
    """A clip's packets on a recorder's clock that begins at `first` ticks."""
    found = []
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        ticks = Fraction(stream.time_base) * TICKS_PER_S
        start: int | None = None
        for packet in container.demux(stream):
            if packet.size:
                assert packet.pts is not None
                assert packet.dts is not None
                start = int(packet.dts * ticks) if start is None else start
                pts, dts = (int(time * ticks) - start + first for time in (packet.pts, packet.dts))
                wall = wall_ms + (dts - first) // 90
                found.append(FilmPacket(bytes(packet), pts, dts, packet.is_keyframe, wall))
    return found


def shown_times(film: Path, *, broken: bool = False) -> list[int]:
    """When each picture of a film is shown, in ticks of 1/90000 s; every one is decoded.

    Args:
        broken: its end may be half of something; what is whole before that counts.
    """
    frames = []
    with av.open(str(film)) as container:
        stream = container.streams.video[0]
        ticks = Fraction(stream.time_base) * TICKS_PER_S
        try:
            for packet in container.demux(stream):
                frames += packet.decode()
        except av.error.FFmpegError:
            if not broken:
                raise
            frames += stream.codec_context.decode(None)
        return [int(frame.pts * ticks) for frame in frames if frame.pts is not None]
