"""The catalog: names, where files are looked for, what is said about a missing or damaged one."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from streamtrack.errors import CheckpointError
from streamtrack.model.sam2.family import config_path
from streamtrack.weights import catalog
from streamtrack.weights.catalog import (
    CATALOG,
    CatalogEntry,
    fetch_checkpoint,
    find_checkpoint,
    get_entry,
    require_checkpoint,
    search_folders,
    verify_checkpoint,
)
from tests.support.file_server import FileServer, status

REPOSITORY = Path(__file__).resolve().parents[2]
DATA = b"weights" * 1000


@pytest.fixture
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty download folder of this test's own."""
    monkeypatch.setenv("STREAMTRACK_CHECKPOINTS", str(tmp_path))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path


def entry_at(*urls: str) -> CatalogEntry:
    return CatalogEntry(
        name="sam2.1-test",
        file_name="test.pt",
        num_bytes=len(DATA),
        sha256=hashlib.sha256(DATA).hexdigest(),
        urls=urls or ("http://127.0.0.1:9/test.pt",),
        family="sam2",
        image_size=1024,
    )


def test_catalog_holds_the_documented_names() -> None:
    sizes = ("tiny", "small", "base-plus", "large")
    assert list(CATALOG) == ["nano", *(f"{family}-{size}" for family in ("sam2.1", "sam2") for size in sizes)]


@pytest.mark.parametrize("entry", CATALOG.values(), ids=lambda entry: entry.name)
def test_every_sam2_config_lies_in_the_package_and_has_the_image_size(entry: CatalogEntry) -> None:
    assert len(entry.sha256) == 64
    if entry.family != "sam2":
        assert entry.shipped
        return
    config = yaml.safe_load(config_path(entry).read_text())
    assert config["model"]["image_size"] == entry.image_size
    assert [url.rpartition("/")[2] for url in entry.urls] == [entry.file_name] * 2


def test_shipped_checkpoint_is_the_one_that_the_catalog_pins() -> None:
    entry = get_entry("nano")
    # New weights come with their size and sha256 in streamtrack/weights/catalog.py.
    verify_checkpoint(entry, REPOSITORY / "checkpoints" / entry.file_name)
    assert require_checkpoint(entry) == REPOSITORY / "checkpoints" / entry.file_name


@pytest.mark.parametrize(
    ("name", "meant"),
    [("sam2.1-tny", "sam2.1-tiny"), ("Nano", "nano"), ("sam2.1_hiera_large.pt", "sam2.1-large")],
)
def test_misspelled_name_is_answered_with_the_closest_and_all_known(name: str, meant: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        get_entry(name)
    assert str(caught.value).startswith(
        f"unknown model {name!r}, did you mean {meant!r}? known: nano, sam2.1-tiny,"
    )


def test_name_like_no_other_is_answered_with_all_known() -> None:
    with pytest.raises(CheckpointError, match=r"^unknown model 'yolo'; known: nano, "):
        get_entry("yolo")


def test_downloads_go_to_the_named_folder_else_to_the_users_cache(
    downloads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert search_folders()[-1] == downloads
    monkeypatch.delenv("STREAMTRACK_CHECKPOINTS")
    assert search_folders()[-1].parts[-2:] == ("streamtrack", "checkpoints")


def test_clone_comes_before_installed_files_and_downloads(downloads: Path) -> None:
    folders = search_folders()
    assert folders[0] == REPOSITORY / "checkpoints"
    assert [folder.parts[-3:] for folder in folders[1:-1]] == [("share", "streamtrack", "checkpoints")] * 2


def test_missing_checkpoint_is_told_with_the_command_that_gets_it(downloads: Path) -> None:
    assert find_checkpoint(entry_at()) is None
    with pytest.raises(CheckpointError, match=r"run `streamtrack checkpoints get sam2\.1-test`"):
        require_checkpoint(entry_at())


def test_truncated_checkpoint_is_told_with_both_sizes(downloads: Path) -> None:
    (downloads / "test.pt").write_bytes(DATA[:-1])
    with pytest.raises(
        CheckpointError, match=rf"test\.pt: {len(DATA) - 1} bytes, expected {len(DATA)} of sam2"
    ):
        require_checkpoint(entry_at())


def test_checkpoint_with_a_wrong_byte_fails_verification(downloads: Path) -> None:
    path = downloads / "test.pt"
    path.write_bytes(b"W" + DATA[1:])
    assert require_checkpoint(entry_at()) == path
    with pytest.raises(CheckpointError, match=r"test\.pt: sha256 is [0-9a-f]{64}, expected [0-9a-f]{64}"):
        verify_checkpoint(entry_at(), path)


def test_sound_checkpoint_is_not_downloaded_again(downloads: Path) -> None:
    (downloads / "test.pt").write_bytes(DATA)
    assert fetch_checkpoint(entry_at()) == downloads / "test.pt"


def test_missing_checkpoint_is_downloaded(downloads: Path) -> None:
    with FileServer(DATA).running() as server:
        assert fetch_checkpoint(entry_at(server.url)) == downloads / "test.pt"
    verify_checkpoint(entry_at(), downloads / "test.pt")


def test_damaged_download_is_replaced(downloads: Path) -> None:
    (downloads / "test.pt").write_bytes(b"damaged")
    with FileServer(DATA).running() as server:
        fetch_checkpoint(entry_at(server.url))
    assert (downloads / "test.pt").read_bytes() == DATA


def test_damaged_download_stays_where_no_server_has_better(downloads: Path) -> None:
    (downloads / "test.pt").write_bytes(b"damaged")
    with (
        FileServer(DATA, status(404)).running() as server,
        pytest.raises(CheckpointError, match="answered 404"),
    ):
        fetch_checkpoint(entry_at(server.url))
    assert (downloads / "test.pt").read_bytes() == b"damaged"


def test_damaged_file_outside_the_download_folder_is_left_to_its_owner(
    downloads: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone = tmp_path_factory.mktemp("clone")
    monkeypatch.setattr(catalog, "_REPOSITORY_FOLDER", clone)
    (clone / "test.pt").write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match=r"expected \d+: remove it, then get sam2.1-test again"):
        fetch_checkpoint(entry_at())
    shipped = replace(entry_at(), urls=())
    with pytest.raises(
        CheckpointError, match=r"it ships with streamtrack as checkpoints/test\.pt, reinstall"
    ):
        fetch_checkpoint(shipped)


def test_missing_shipped_checkpoint_is_not_looked_for_on_the_net(downloads: Path) -> None:
    with pytest.raises(CheckpointError, match="is not on this machine: it ships with streamtrack"):
        fetch_checkpoint(replace(entry_at(), urls=()))
