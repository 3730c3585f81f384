"""All exporters as one consumer: nothing is touched before the first frame, and one error is one error."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import av
import numpy as np
import pytest

from streamtrack.errors import PublishError
from streamtrack.frame import Image, ObjectMask
from streamtrack.offline import Outputs, ResultFolder, Run, exporter_names
from streamtrack.offline.result_folder import LIST
from tests.support.recordings import EVERY_EXPORTER, track_into, update, write_clip

RNG = np.random.default_rng(5)
DISC = ObjectMask.from_mask(np.indices((192, 320)).sum(axis=0) < 100, 1)


def noise() -> Image:
    """A picture that takes many bytes."""
    return RNG.integers(0, 255, (192, 320, 3), np.uint8)


def outputs(folder: Path, *, overwrite: bool = False) -> Outputs:
    return Outputs(Run(ResultFolder(folder, overwrite=overwrite), (1,), 25.0), EVERY_EXPORTER)


def fill_disk(monkeypatch: pytest.MonkeyPatch, bytes_left: int) -> None:
    real_write, left = os.write, [bytes_left]

    def write(file: int, data: bytes | memoryview) -> int:
        count = min(len(data), left[0])
        if count == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        left[0] -= count
        return real_write(file, bytes(data[:count]))

    monkeypatch.setattr("streamtrack.offline.whole_writes.os.write", write)


def test_run_without_a_frame_touches_nothing(tmp_path: Path) -> None:
    out = tmp_path / "a" / "out"
    with outputs(out):
        pass
    assert not list(tmp_path.iterdir())
    track_into(out, write_clip(tmp_path / "clip.mp4"), exporters=("objects",))
    with pytest.raises(ValueError, match="no frame came"), outputs(out, overwrite=True):
        raise ValueError("no frame came")
    assert (out / "objects.csv").exists(), "the earlier run is kept until the new one can start"


def test_folder_that_cannot_be_used_is_told_before_anything_is_tracked(tmp_path: Path) -> None:
    (tmp_path / "objects.csv").write_text("dear")
    with pytest.raises(PublishError, match=r"holds objects\.csv, which no run listed"):
        outputs(tmp_path)


def test_each_run_replaces_the_one_before_where_told(tmp_path: Path) -> None:
    for overwrite in (False, True):
        with outputs(tmp_path, overwrite=overwrite) as out:
            out.take(update(0, objects=[DISC]))
    names = {"events.jsonl", "masks", "masks.jsonl", "objects.csv", "overlay.mp4", LIST}
    assert {path.name for path in tmp_path.iterdir()} == names
    with pytest.raises(PublishError, match="of an earlier run, expected --overwrite"):
        outputs(tmp_path)


def test_full_disk_is_one_error_and_leaves_files_that_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = 0
    fill_disk(monkeypatch, 250_000)
    error = f"^--out {tmp_path}: .* cannot be written: No space left on device$"
    with pytest.raises(PublishError, match=error), outputs(tmp_path) as out:  # noqa: PT012
        for index in range(100):
            out.take(update(index, noise(), [DISC]))
            frames += 1
    monkeypatch.undo()
    rows = (tmp_path / "objects.csv").read_text().splitlines()
    assert len(rows) in (frames + 1, frames + 2)
    assert rows[-1].count(",") == rows[0].count(",")
    pictures = list((tmp_path / "masks" / "001").iterdir())
    assert len(pictures) >= frames
    assert all(path.read_bytes().endswith(b"IEND\xaeB`\x82") for path in pictures)
    with av.open(str(tmp_path / "overlay.mp4")) as overlay:
        assert 1 <= sum(1 for _ in overlay.decode(video=0)) <= frames


def test_disk_that_is_full_from_the_start_is_left_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_disk(monkeypatch, 300)
    out = tmp_path / "out"
    with pytest.raises(PublishError, match="No space left on device"), outputs(out) as writer:
        writer.take(update(0, objects=[DISC]))
    assert not out.exists()


def test_error_at_the_end_is_told_and_one_after_another_error_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_space = r"overlay\.mp4 cannot be written: No space"
    with pytest.raises(PublishError, match=no_space), outputs(tmp_path / "a") as a:  # noqa: PT012
        a.take(update(0, noise(), [DISC]))
        fill_disk(monkeypatch, 0)
    monkeypatch.undo()
    with pytest.raises(ValueError, match="first"), outputs(tmp_path / "b") as b:  # noqa: PT012
        b.take(update(0, noise(), [DISC]))
        fill_disk(monkeypatch, 0)
        raise ValueError("first")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere:Mine", "--export nowhere:Mine: 'nowhere' cannot be imported"),
        ("json:JSONDecoder", "--export json:JSONDecoder: json has no Exporter called 'JSONDecoder'"),
        (":Mine", "--export :Mine: '' cannot be imported"),
    ],
)
def test_exporter_of_ones_own_that_is_none_is_refused(name: str, message: str) -> None:
    with pytest.raises(PublishError, match=message):
        exporter_names("none", False, [name])


def test_options_name_exporters_and_others_join_them() -> None:
    assert exporter_names("both", True) == ("objects", "events", "masks-png", "masks-rle", "overlay")
    assert exporter_names("none", False, ["overlay", "objects"]) == ("objects", "events", "overlay")
    with pytest.raises(
        PublishError, match="--export is 'nope', expected one of: coco, coco-video, contact-sheet, "
    ):
        exporter_names("both", True, ["nope"])


def test_names_may_stand_in_one_option_and_other_names_mean_the_same() -> None:
    usual = exporter_names("png", False, ["yolo,masks", "coco, csv"])
    assert usual == ("objects", "events", "masks-png", "yolo", "coco")
    assert exporter_names("both", True, ["masks,npz"], only=True) == ("masks-png", "npz")
    with pytest.raises(PublishError, match="--only is given without --export"):
        exporter_names("both", True, only=True)


def test_two_exporters_of_one_file_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "same_file.py").write_text(
        "from streamtrack.offline.exporters.objects import ObjectTable\n"
        "class Mine(ObjectTable):\n    name = 'mine'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    names = exporter_names("none", False, ["same_file:Mine"])
    with pytest.raises(PublishError, match=r"--export mine: objects\.csv is written by objects too"):
        Outputs(Run(ResultFolder(tmp_path / "out", overwrite=False)), names)
