"""coco_video.json: one video, a track an object, as YouTube-VIS has them."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from typing import Any

from streamtrack.frame import Update
from streamtrack.offline.categories import Categories
from streamtrack.offline.coco_masks import INFO, coco_box, picture_name, scores, segmentation
from streamtrack.offline.exporters.exporter import Exporter, Run
from streamtrack.offline.json_arrays import dumps, gathered
from streamtrack.offline.object_rows import pts_seconds
from streamtrack.offline.whole_writes import LineFile

FILE = "coco_video.json"
VIDEO_ID = 1
COLUMNS = ("segmentations", "bboxes", "areas", "states")
"""Lists of an annotation with an entry a frame; null where the object has no mask, or is not there yet."""


class CocoVideo(Exporter):
    """An object's mask is null where it is empty, and its state says why.

    The layout has an object's whole time in one entry, so what each object did lies in a file of its own
    until the run is closed.
    """

    name = "coco-video"
    aliases = ("youtube-vis", "ytvis")
    summary = f"{FILE}: YouTube-VIS's videos and annotations: an object's run lengths by frame, or null"

    @classmethod
    def outputs(cls, object_ids: tuple[int, ...]) -> tuple[str, ...]:
        return (FILE,)

    def __init__(self, run: Run) -> None:
        self._run = run
        self._categories = Categories(first=1)
        self._path = run.folder.new_file(FILE)
        self._frames = _Part(run, "frames")
        self._tracks: dict[int, _Part] = {}
        self._labels: dict[int, str] = {}
        self._size = (0, 0)
        self._length = 0

    def take(self, update: Update) -> None:
        result = update.result
        if result is None:
            return
        if not self._length:
            self._size = (result.frame.height_px, result.frame.width_px)
        name = picture_name(result, self._run.names)
        for item in result.objects.values():
            if item.object_id not in self._tracks:
                self._tracks[item.object_id] = _Part(self._run, f"object{item.object_id}")
            self._labels[item.object_id] = item.label
            mask = [segmentation(item), coco_box(item), item.area_px] if item.area_px else [None] * 3
            line = dumps([self._length, *mask, scores(item)["state"]])
            self._tracks[item.object_id].append(line)
        self._frames.append(dumps([name, result.frame_idx, pts_seconds(result)]))
        self._length += 1

    def close(self) -> None:
        document = LineFile(self._path)
        try:
            try:
                self._write(document, hold=False)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                # Room for it is where its parts lie.
                document.cut(0)
                self._write(document, hold=True)
        finally:
            document.close()
            for part in (self._frames, *self._tracks.values()):
                part.remove()

    def _write(self, document: LineFile, *, hold: bool) -> None:
        for text in gathered(self._texts(hold)):
            document.append(text)

    def _texts(self, hold: bool) -> Iterator[str]:
        """The document in pieces; each part's file gives way to it where `hold` says so."""
        height, width = self._size
        head = {"id": VIDEO_ID, "width": width, "height": height, "length": self._length}
        yield '{"videos":[\n' + dumps(head)[:-1]
        if hold:
            self._frames.hold()
        for place, key in enumerate(("file_names", "frame_idx", "pts_seconds")):
            yield f',"{key}":['
            yield from _joined(dumps(frame[place]) for frame in self._frames.lines())
            yield "]"
        yield '}\n],\n"annotations":[\n'
        for number, (object_id, part) in enumerate(self._tracks.items(), 1):
            if hold:
                part.hold()
            yield (",\n" if number > 1 else "") + self._head(number, object_id)
            for place, key in enumerate(COLUMNS, 1):
                yield f',"{key}":['
                yield from _joined(dumps(value) for value in self._column(part, place))
                yield "]"
            yield "}"
        rest = {"categories": self._categories.coco(), "info": INFO, "licenses": []}
        yield "\n]," + dumps(rest)[1:] + "\n"

    def _head(self, number: int, object_id: int) -> str:
        height, width = self._size
        label = self._labels[object_id]
        values = {
            "id": number,
            "video_id": VIDEO_ID,
            "category_id": self._categories.number(label),
            "iscrowd": 0,
            "width": width,
            "height": height,
            "length": 1,
            "object_id": object_id,
            "label": label,
        }
        return dumps(values)[:-1]

    def _column(self, part: _Part, place: int) -> Iterator[Any]:
        """One value of a track on every frame; None on those where the object was not there."""
        expected = 0
        for line in part.lines():
            yield from (None for _ in range(line[0] - expected))
            yield line[place]
            expected = line[0] + 1
        yield from (None for _ in range(self._length - expected))


class _Part:
    """Lines of JSON that wait in a file for their place in the document."""

    def __init__(self, run: Run, name: str) -> None:
        self._path = run.folder.new_file(f"{FILE}.{name}.part")
        self._file = LineFile(self._path)
        self._held: list[str] | None = None

    def append(self, line: str) -> None:
        self._file.append(line + "\n")

    def hold(self) -> None:
        """Keep the lines in memory alone."""
        if self._held is None:
            self._held = self._path.read_text(encoding="utf-8").splitlines()
            self.remove()

    def lines(self) -> Iterator[Any]:
        if self._held is not None:
            yield from map(json.loads, self._held)
            return
        with self._path.open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)

    def remove(self) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)


def _joined(values: Iterator[str]) -> Iterator[str]:
    """With commas between them."""
    for index, value in enumerate(values):
        yield f",{value}" if index else value
