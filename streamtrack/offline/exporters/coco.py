"""coco.json: a picture a frame, an annotation a frame and object, as COCO's detection task has them."""

from __future__ import annotations

from streamtrack.frame import Update
from streamtrack.offline.categories import Categories
from streamtrack.offline.coco_masks import INFO, coco_box, picture_name, scores, segmentation
from streamtrack.offline.exporters.exporter import Exporter, Run
from streamtrack.offline.json_arrays import JsonArrays
from streamtrack.offline.object_rows import pts_seconds

FILE = "coco.json"


class CocoPictures(Exporter):
    """Masks are compressed run lengths; an empty one has area 0, and its state says why."""

    name = "coco"
    aliases = ("coco-image",)
    summary = f"{FILE}: COCO's images and annotations: run lengths, box, area, category from the label"

    @classmethod
    def outputs(cls, object_ids: tuple[int, ...]) -> tuple[str, ...]:
        return (FILE,)

    def __init__(self, run: Run) -> None:
        self._run = run
        self._categories = Categories(first=1)
        self._num_annotations = 0
        self._json = JsonArrays(run.folder.new_file, FILE, "annotations", ("images",))

    def take(self, update: Update) -> None:
        result = update.result
        if result is None:
            return
        image_id = result.frame_idx + 1
        self._json.append(
            "images",
            {
                "id": image_id,
                "file_name": picture_name(result, self._run.names),
                "width": result.frame.width_px,
                "height": result.frame.height_px,
                "frame_idx": result.frame_idx,
                "pts_seconds": pts_seconds(result),
            },
        )
        for item in result.objects.values():
            self._num_annotations += 1
            self._json.append(
                "annotations",
                {
                    "id": self._num_annotations,
                    "image_id": image_id,
                    "category_id": self._categories.number(item.label),
                    "iscrowd": 0,
                    "bbox": coco_box(item),
                    "area": item.area_px,
                    "segmentation": segmentation(item),
                    "object_id": item.object_id,
                    **scores(item),
                },
            )

    def close(self) -> None:
        self._json.close({"categories": self._categories.coco(), "info": INFO, "licenses": []})
