"""What may be removed, and what never is."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from streamtrack.errors import PublishError
from streamtrack.offline.result_folder import HEADER, LIST, ResultFolder

OUTPUTS = ("objects.csv", "masks/001")


def earlier_run(path: Path, *names: str) -> None:
    """What a run leaves that wrote these files."""
    folder = ResultFolder(path, overwrite=False)
    folder.claim(OUTPUTS)
    for name in names or ("objects.csv", "masks/001/00000.png", "masks/001/00001.png"):
        folder.new_file(name).write_text("ours")
    folder.close()


def files(path: Path) -> list[str]:
    return sorted(str(found.relative_to(path)) for found in path.rglob("*") if not found.is_dir())


def test_overwrite_removes_what_an_earlier_run_wrote_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "a" / "out"
    earlier_run(out)
    (out / "notes.txt").write_text("mine")
    (out / "masks" / "drawn_by_hand.png").write_text("mine")
    with pytest.raises(PublishError, match=r"holds masks/001/00000.png of an earlier run, expected --over"):
        ResultFolder(out, overwrite=False).check(OUTPUTS)
    folder = ResultFolder(out, overwrite=True)
    folder.check(OUTPUTS)
    assert len(files(out)) == 6, "a check removes nothing"
    folder.claim(OUTPUTS)
    folder.close()
    assert files(out) == ["masks/drawn_by_hand.png", "notes.txt", LIST]


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", ["objects.csv", "masks/001/00000.png", "masks/001/notes.txt"])
def test_file_that_no_run_listed_is_kept_and_stops_the_run(
    tmp_path: Path, name: str, overwrite: bool
) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("dear")
    with pytest.raises(PublishError, match=f"holds {name}, which no run listed .* and which is kept"):
        ResultFolder(tmp_path, overwrite=overwrite).claim(OUTPUTS)
    assert (tmp_path / name).read_text() == "dear"


def test_link_is_removed_and_never_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "00000.png").write_text("dear")
    out = tmp_path / "out"
    earlier_run(out)
    # The folder of the earlier run's masks became a link to somebody's pictures.
    for picture in (out / "masks" / "001").iterdir():
        picture.unlink()
    (out / "masks" / "001").rmdir()
    (out / "masks" / "001").symlink_to(precious)
    with pytest.raises(PublishError, match="masks/001 is a link, expected the folder of an earlier run"):
        ResultFolder(out, overwrite=True).claim(OUTPUTS)
    assert files(precious) == ["00000.png"]

    other = tmp_path / "other"
    earlier_run(other, "objects.csv")
    (other / "objects.csv").unlink()
    (other / "objects.csv").symlink_to(precious / "00000.png")
    ResultFolder(other, overwrite=True).claim(OUTPUTS)
    assert not (other / "objects.csv").is_symlink()
    assert (precious / "00000.png").read_text() == "dear"


def test_link_that_leads_nowhere_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "objects.csv").symlink_to(tmp_path / "elsewhere.csv")
    with pytest.raises(PublishError, match=r"holds objects\.csv, which no run listed"):
        ResultFolder(tmp_path, overwrite=True).claim(OUTPUTS)
    assert not (tmp_path / "elsewhere.csv").exists()


def test_folder_may_itself_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "real")
    earlier_run(tmp_path / "out", "objects.csv")
    assert files(tmp_path / "real") == ["objects.csv", LIST]


def test_what_the_run_reads_is_not_removed(tmp_path: Path) -> None:
    earlier_run(tmp_path, "overlay.mp4", "masks/001/00000.png")
    clip = tmp_path / "overlay.mp4"
    with pytest.raises(PublishError, match=r"overlay\.mp4 is read by this run, expected another folder"):
        ResultFolder(tmp_path, overwrite=True, inputs=(clip,)).check(OUTPUTS)
    pictures = tmp_path / "masks" / "001"
    with pytest.raises(PublishError, match=r"masks/001/00000\.png is read by this run"):
        ResultFolder(tmp_path, overwrite=True, inputs=(pictures,)).check(OUTPUTS)
    link = tmp_path / "link.mp4"
    link.symlink_to(clip)
    with pytest.raises(PublishError, match="is read by this run"):
        ResultFolder(tmp_path, overwrite=True, inputs=(link,)).claim(OUTPUTS)
    assert clip.exists()


def test_source_in_the_folder_beside_our_files_is_kept(tmp_path: Path) -> None:
    (tmp_path / "frame_000.png").write_text("picture")
    earlier_run(tmp_path, "objects.csv")
    folder = ResultFolder(tmp_path, overwrite=True, inputs=(tmp_path,))
    folder.claim(OUTPUTS)
    assert "frame_000.png" in files(tmp_path)


def test_list_that_was_tampered_with_reaches_nothing_outside(tmp_path: Path) -> None:
    (tmp_path / "dear.txt").write_text("dear")
    out = tmp_path / "out"
    out.mkdir()
    (out / LIST).write_text(f"{HEADER}../dear.txt\n{tmp_path}/dear.txt\nsub/../../dear.txt\n")
    ResultFolder(out, overwrite=True).claim(OUTPUTS)
    assert (tmp_path / "dear.txt").read_text() == "dear"


@pytest.mark.parametrize("content", ["shopping: milk\n", "", "\xff\xfe"])
def test_list_of_somebody_else_is_kept(tmp_path: Path, content: str) -> None:
    (tmp_path / LIST).write_bytes(content.encode("latin-1"))
    with pytest.raises(PublishError, match=LIST):
        ResultFolder(tmp_path, overwrite=True).claim(OUTPUTS)
    assert (tmp_path / LIST).read_bytes() == content.encode("latin-1")


def test_half_written_picture_of_a_killed_run_is_ours(tmp_path: Path) -> None:
    earlier_run(tmp_path, "masks/001/00000.png")
    (tmp_path / "masks" / "001" / "00000.png").unlink()
    (tmp_path / "masks" / "001" / ".00000.png.part").write_text("half")
    ResultFolder(tmp_path, overwrite=True).claim(OUTPUTS)
    assert files(tmp_path) == [LIST]


def a_file(path: Path) -> Path:
    path.write_text("dear")
    return path


def below_a_file(path: Path) -> Path:
    return a_file(path) / "below"


@pytest.mark.parametrize(("make", "error"), [(a_file, "is a file"), (below_a_file, "out is a file")])
def test_place_that_is_no_folder_is_told(tmp_path: Path, make: Callable[[Path], Path], error: str) -> None:
    place = make(tmp_path / "out")
    with pytest.raises(PublishError, match=error):
        ResultFolder(place, overwrite=True).claim(OUTPUTS)
    assert (tmp_path / "out").read_text() == "dear"


def test_folder_without_permission_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root may write anywhere, so the system's answer is made up.
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)
    with pytest.raises(PublishError, match="cannot be written: no permission in"):
        ResultFolder(tmp_path / "out", overwrite=True).check(OUTPUTS)
    assert not (tmp_path / "out").exists()


def test_abandoned_run_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for out in (tmp_path / "a" / "out", tmp_path):
        folder = ResultFolder(out, overwrite=False)
        folder.claim(OUTPUTS)
        folder.new_file("objects.csv").write_text("frame_idx")
        folder.new_file("masks/001/00000.png").write_text("half")
        folder.abandon()
        assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_file_that_appears_during_the_run_is_kept(tmp_path: Path) -> None:
    folder = ResultFolder(tmp_path, overwrite=True)
    folder.claim(OUTPUTS)
    (tmp_path / "objects.csv").write_text("dear")
    with pytest.raises(PublishError, match="appeared since the run began"):
        folder.new_file("objects.csv")
    assert (tmp_path / "objects.csv").read_text() == "dear"


def test_resumed_run_keeps_or_renews_each_file_and_removes_the_rest_at_its_end(tmp_path: Path) -> None:
    earlier_run(tmp_path)
    (tmp_path / ".objects.csv.part").write_text("half")
    folder = ResultFolder(tmp_path, overwrite=False, resume=True)
    folder.claim(OUTPUTS)
    assert len(files(tmp_path)) == 6, "nothing is removed yet, and a new list is begun"
    assert folder.keep("masks/001/00000.png")
    assert not folder.keep("masks/001/00002.png")
    renewed = folder.new_file("objects.csv")
    assert not renewed.exists()
    renewed.write_text("anew")
    folder.new_file("masks/001/00002.png").write_text("new")
    folder.finish()
    folder.close()
    assert files(tmp_path) == ["masks/001/00000.png", "masks/001/00002.png", "objects.csv", LIST]
    assert (tmp_path / "objects.csv").read_text() == "anew"
    names = (tmp_path / LIST).read_text().splitlines()
    assert names[1:] == ["masks/001/00000.png", "objects.csv", "masks/001/00002.png"]


def test_resumed_run_that_is_broken_off_again_lists_both_runs_files(tmp_path: Path) -> None:
    earlier_run(tmp_path)
    for name in ("objects.csv", "masks/001/00002.png"):
        folder = ResultFolder(tmp_path, overwrite=False, resume=True)
        folder.claim(OUTPUTS)
        folder.new_file(name).write_text("new")  # killed: nothing is closed
    ResultFolder(tmp_path, overwrite=True).claim(OUTPUTS)
    assert files(tmp_path) == [LIST]


def test_resumed_run_that_writes_nothing_leaves_everything(tmp_path: Path) -> None:
    earlier_run(tmp_path)
    before = files(tmp_path)
    folder = ResultFolder(tmp_path, overwrite=False, resume=True)
    folder.claim(OUTPUTS)
    folder.abandon()
    assert files(tmp_path) == before


def test_resuming_where_nothing_lies_is_a_first_run(tmp_path: Path) -> None:
    folder = ResultFolder(tmp_path / "out", overwrite=False, resume=True)
    folder.claim(OUTPUTS)
    folder.new_file("objects.csv").write_text("ours")
    folder.finish()
    folder.close()
    assert files(tmp_path / "out") == ["objects.csv", LIST]
