"""A filmed person with alpha, cut into shots: `python -m training.actors WORK FILM.webm`.

The film is VP8 whose alpha lies in a stream of its own, as browsers play it. Each shot becomes consecutive
RGBA pictures of one size; shots whose person is cut off by the picture's edge are left out.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import cv2
import numpy as np

from training.bank import Image

logger = logging.getLogger(__name__)

EVERY = 2
"""Frames of the film that are kept: it has 30 a second."""
SHOT_CHANGE = 0.56
"""Overlap of the outlines of two kept frames below which another shot begins."""
MIN_SHOT = 16
"""Frames of a shot that is kept."""
MAX_AT_EDGE = 4
"""Solid pixels on the picture's edge from which a person counts as cut off."""
SOLID = 127


def read_rgba(film: Path) -> Iterator[Image]:
    """Every EVERY-th frame with its alpha, RGBA.

    Raises:
        ValueError: the film carries no alpha.
    """
    with av.open(str(film)) as container:
        codec = av.CodecContext.create("libvpx", "r")
        stream = container.streams.video[0]
        if stream.metadata.get("alpha_mode", stream.metadata.get("ALPHA_MODE")) != "1":
            raise ValueError(f"{film} carries no alpha")
        codec.extradata = stream.codec_context.extradata
        index = 0
        for packet in container.demux(stream):
            for frame in codec.decode(packet):
                if index % EVERY == 0:
                    yield np.asarray(frame.to_ndarray(format="rgba"), np.uint8)
                index += 1


def shots_of(frames: Sequence[Image]) -> list[list[Image]]:
    """Frames parted where the outline jumps."""
    shots: list[list[Image]] = []
    for frame in frames:
        if shots and _overlap(shots[-1][-1], frame) >= SHOT_CHANGE:
            shots[-1].append(frame)
        else:
            shots.append([frame])
    return [shot for shot in shots if len(shot) >= MIN_SHOT]


def _overlap(one: Image, other: Image) -> float:
    a, b = one[..., 3] > SOLID, other[..., 3] > SOLID
    return float((a & b).sum() / max(1, int((a | b).sum())))


def is_whole(shot: Sequence[Image]) -> bool:
    """Whether no edge of the picture cuts the person off on any frame."""
    solid = np.stack([frame[..., 3] > SOLID for frame in shot])
    edges = (solid[:, 0], solid[:, -1], solid[:, :, 0], solid[:, :, -1])
    return all(int(edge.sum(1).max()) < MAX_AT_EDGE for edge in edges)


def cut(shot: Sequence[Image]) -> list[Image]:
    """The part of the picture that the person is in over the whole shot."""
    ever = np.stack([frame[..., 3] for frame in shot]).max(0)
    x, y, width, height = cv2.boundingRect((ever > 20).astype(np.uint8))
    return [np.ascontiguousarray(frame[y : y + height, x : x + width]) for frame in shot]


def main() -> None:
    """Parse the command line and write the shots."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="folder that training.build filled")
    parser.add_argument("film", type=Path, help="WebM with alpha")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    shots = [cut(shot) for shot in shots_of(list(read_rgba(arguments.film))) if is_whole(shot)]
    for number, shot in enumerate(shots):
        folder = arguments.work / "actors" / f"{arguments.film.stem}_{number:02d}"
        folder.mkdir(parents=True, exist_ok=True)
        for index, picture in enumerate(shot):
            cv2.imwrite(str(folder / f"{index:05d}.png"), picture[..., [2, 1, 0, 3]])
    logger.info("%s: shots of %s frames", arguments.film.name, [len(shot) for shot in shots])


if __name__ == "__main__":
    main()
