"""yolo/: images, labels and data.yaml, as YOLO's segmentation is trained on them."""

from __future__ import annotations

import cv2
import numpy as np
import yaml

from streamtrack.frame import FrameResult, ObjectMask, Update
from streamtrack.offline.categories import Categories
from streamtrack.offline.exporters.exporter import Exporter, Run
from streamtrack.offline.mask_polygons import outline
from streamtrack.offline.whole_writes import write_file

FOLDER = "yolo"
JPEG_QUALITY = 95


class YoloPolygons(Exporter):
    """A text file a frame, a line an object: its class, then x y of its outline as shares of the picture.

    The layout has no word for an object that is not seen: it has no line, and the run's last line counts it.
    """

    name = "yolo"
    aliases = ("yolo-seg",)
    summary = f"{FOLDER}/images, labels and data.yaml: YOLO-seg's polygons, class from the label"

    @classmethod
    def outputs(cls, object_ids: tuple[int, ...]) -> tuple[str, ...]:
        return (FOLDER,)

    def __init__(self, run: Run) -> None:
        self._run = run
        self._categories = Categories(first=0)
        self._num_empty = 0
        self._data = run.folder.new_file(f"{FOLDER}/data.yaml")
        self._write_data()

    def take(self, update: Update) -> None:
        result = update.result
        if result is None:
            return
        name = self._run.names.name(result.frame_idx)
        self._write_picture(name, result)
        known = len(self._categories.names())
        lines = [self._line(item) for item in result.objects.values() if item.area_px]
        self._num_empty += len(result.objects) - len(lines)
        if len(self._categories.names()) > known:
            self._write_data()
        text = "".join(lines).encode("ascii")
        write_file(self._run.folder.new_file(f"{FOLDER}/labels/{name}.txt"), text)

    def notes(self) -> tuple[str, ...]:
        return (f"{self._num_empty} empty masks have no line in {FOLDER}/labels",) if self._num_empty else ()

    def _line(self, item: ObjectMask) -> str:
        height, width = item.frame_size
        shares = (outline(item) / (width, height)).ravel()
        numbers = " ".join(f"{share:.6f}" for share in shares)
        return f"{self._categories.number(item.label)} {numbers}\n"

    def _write_picture(self, name: str, result: FrameResult) -> None:
        bgr = np.ascontiguousarray(result.frame.image[..., ::-1])
        written, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        if not written:
            raise OSError(0, f"a picture of {result.frame.width_px} x {result.frame.height_px} is too large")
        write_file(self._run.folder.new_file(f"{FOLDER}/images/{name}.jpg"), data.tobytes())

    def _write_data(self) -> None:
        """What YOLO's `data=` takes; no `path`, so that the folder may be moved."""
        names = list(self._categories.names().values())
        data = {"train": "images", "val": "images", "nc": len(names), "names": names}
        write_file(self._data, yaml.safe_dump(data, sort_keys=False, allow_unicode=True).encode())
