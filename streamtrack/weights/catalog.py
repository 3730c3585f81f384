"""The checkpoints that streamtrack knows by name: where they come from, where they lie, how to check them.

`nano` and the detector ship in the repository and in the wheel; the SAM 2 checkpoints are downloaded once
into a folder of the user. Every entry pins size and sha256, so no server and no disk can hand over other
weights unnoticed.

Torch is not imported here: listing and downloading work before the model does.
"""

from __future__ import annotations

import difflib
import os
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import platformdirs

from streamtrack.errors import CheckpointError
from streamtrack.weights.download import DEFAULT_POLICY, DownloadPolicy, download_file
from streamtrack.weights.part_file import OnProgress, check_file

MAX_SHOWN_CHARS = 80
"""Of an unknown name, in an error."""
CHECKPOINTS_ENV = "STREAMTRACK_CHECKPOINTS"
"""Environment variable that names the folder of downloaded checkpoints."""

_REPOSITORY_FOLDER = Path(__file__).resolve().parents[2] / "checkpoints"
_INSTALLED_FOLDER = (
    Path("share") / "streamtrack" / "checkpoints"
)  # [tool.setuptools.data-files] in pyproject.toml


@dataclass(frozen=True, kw_only=True)
class CatalogEntry:
    """One checkpoint."""

    name: str
    """What users write: `nano`, `sam2.1-tiny`."""
    file_name: str
    num_bytes: int
    sha256: str
    """Lower-case hex."""
    urls: tuple[str, ...]
    """Tried in this order; empty where the file ships with streamtrack."""
    family: str
    """The family of networks that it is of; see `streamtrack.model.families`."""
    image_size: int
    """Longer side of the pictures that the network was trained on, in pixels."""
    window: Literal["off", "auto"] = "off"
    """`tracking.window` where nobody set it."""
    memory: Literal["recent", "motion_aware", "distractor_aware"] = "recent"
    """`tracking.memory` where nobody set it and windows are on; without them it is `recent`, exact."""
    image_size_step: int = 32
    """Sizes that its network can be built for are multiples of this."""

    @property
    def shipped(self) -> bool:
        """Comes with streamtrack and is never downloaded."""
        return not self.urls

    @property
    def image_sizes(self) -> str:
        """In words, which sizes its network can be built for."""
        return f"a multiple of {self.image_size_step}"

    def takes_image_size(self, image_size: int) -> bool:
        """Whether its network can be built for that size."""
        return image_size > 0 and image_size % self.image_size_step == 0


def _sam2_entry(release: str, size: str, num_bytes: int, sha256: str) -> CatalogEntry:
    """One published SAM 2 checkpoint; the digests were agreed by two independent public sources each."""
    date = {"sam2.1": "092824", "sam2": "072824"}[release]
    file_name = f"{release}_hiera_{size.replace('-', '_')}.pt"
    return CatalogEntry(
        name=f"{release}-{size}",
        file_name=file_name,
        num_bytes=num_bytes,
        sha256=sha256,
        urls=(
            f"https://dl.fbaipublicfiles.com/segment_anything_2/{date}/{file_name}",
            f"https://huggingface.co/facebook/{release}-hiera-{size}/resolve/main/{file_name}",
        ),
        family="sam2",
        image_size=1024,
    )


_ENTRIES = (
    CatalogEntry(
        name="nano",
        file_name="nano.safetensors",
        num_bytes=11_473_668,
        sha256="5bff4cdca8d020a7c3efd3fa384c0e73ad0fb4ae807659fcaa9dd4281d72a3b3",
        urls=(),
        family="nano",
        image_size=256,
        window="auto",
        memory="motion_aware",
    ),
    _sam2_entry(
        "sam2.1", "tiny", 156_008_466, "7402e0d864fa82708a20fbd15bc84245c2f26dff0eb43a4b5b93452deb34be69"
    ),
    _sam2_entry(
        "sam2.1",
        "small",
        184_416_285,
        "6d1aa6f30de5c92224f8172114de081d104bbd23dd9dc5c58996f0cad5dc4d38",
    ),
    _sam2_entry(
        "sam2.1",
        "base-plus",
        323_606_802,
        "a2345aede8715ab1d5d31b4a509fb160c5a4af1970f199d9054ccfb746c004c5",
    ),
    _sam2_entry(
        "sam2.1",
        "large",
        898_083_611,
        "2647878d5dfa5098f2f8649825738a9345572bae2d4350a2468587ece47dd318",
    ),
    _sam2_entry(
        "sam2", "tiny", 155_906_050, "65b50056e05bcb13694174f51bb6da89c894b57b75ccdf0ba6352c597c5d1125"
    ),
    _sam2_entry(
        "sam2", "small", 184_309_650, "95949964d4e548409021d47b22712d5f1abf2564cc0c3c765ba599a24ac7dce3"
    ),
    _sam2_entry(
        "sam2",
        "base-plus",
        323_493_298,
        "d0bb7f236400a49669ffdd1be617959a8b1d1065081789d7bbff88eded3a8071",
    ),
    _sam2_entry(
        "sam2", "large", 897_952_466, "7442e4e9b732a508f80e141e7c2913437a3610ee0c77381a66658c3a445df87b"
    ),
)

CATALOG: dict[str, CatalogEntry] = {entry.name: entry for entry in _ENTRIES}
"""Every model that tracks, by name, smallest family first."""

DETECTOR = CatalogEntry(
    name="detector",
    file_name="yolox_nano.onnx",
    num_bytes=3_660_092,
    sha256="695e750a5d5754bb5a8d5325643b59282191a7e7a564e435a415fd3c578eab14",
    urls=(),
    family="detector",
    image_size=416,
)
"""What starts and mends tracks by class name (YOLOX-nano, Apache-2.0); it tracks nothing itself."""


def all_checkpoints() -> dict[str, CatalogEntry]:
    """Every known checkpoint by name: the models, then the detector."""
    return {**CATALOG, DETECTOR.name: DETECTOR}


def get_entry(name: str, among: Mapping[str, CatalogEntry] = CATALOG) -> CatalogEntry:
    """The checkpoint of that name, of the models unless told otherwise.

    Raises:
        CheckpointError: unknown; the message names the closest and all known names.
    """
    if name in among:
        return among[name]
    spelled = name.strip().lower().replace("_", "-").removesuffix(".pt").removesuffix(".safetensors")
    close = difflib.get_close_matches(spelled, among, n=1, cutoff=0.5)
    hint = f", did you mean {close[0]!r}?" if close else ";"
    shown = name if len(name) <= MAX_SHOWN_CHARS else f"{name[:MAX_SHOWN_CHARS]}…"
    raise CheckpointError(f"unknown model {shown!r}{hint} known: {', '.join(among)}")


def download_folder() -> Path:
    """Where downloads go: the folder that STREAMTRACK_CHECKPOINTS names, else the user's cache."""
    named = os.environ.get(CHECKPOINTS_ENV)
    if named:
        return Path(named).expanduser()
    return platformdirs.user_cache_path("streamtrack") / "checkpoints"


def search_folders() -> tuple[Path, ...]:
    """Where checkpoints are looked for, first hit wins.

    A clone's own checkpoints/, what the wheel installed beside Python or for the user, then the downloads.
    """
    installed = [sysconfig.get_path("data")]
    user_scheme = sysconfig.get_preferred_scheme("user")
    if user_scheme in sysconfig.get_scheme_names():
        installed.append(sysconfig.get_path("data", user_scheme))
    return (
        _REPOSITORY_FOLDER,
        *(Path(folder) / _INSTALLED_FOLDER for folder in installed),
        download_folder(),
    )


def find_checkpoint(entry: CatalogEntry) -> Path | None:
    """The entry's file on this machine, unchecked; None where there is none."""
    for folder in search_folders():
        path = folder / entry.file_name
        if path.is_file():
            return path
    return None


def require_checkpoint(entry: CatalogEntry) -> Path:
    """The entry's file, of the right size; its sha256, a second's work for a large one, is left to `verify`.

    Raises:
        CheckpointError: not there, or not whole; the message says how to get it.
    """
    path = find_checkpoint(entry)
    if path is None:
        raise CheckpointError(f"{entry.name} is not on this machine: {_how_to_get(entry)}")
    num_bytes = path.stat().st_size
    if num_bytes != entry.num_bytes:
        raise CheckpointError(
            f"{path}: {num_bytes} bytes, expected {entry.num_bytes} of {entry.name}: {_how_to_get(entry)}"
        )
    return path


def verify_checkpoint(entry: CatalogEntry, path: Path) -> None:
    """Read the whole file and compare size and sha256.

    Raises:
        CheckpointError: the file cannot be read or is not the entry's, byte for byte.
    """
    check_file(path, entry.num_bytes, entry.sha256)


def fetch_checkpoint(
    entry: CatalogEntry,
    on_progress: OnProgress | None = None,
    policy: DownloadPolicy = DEFAULT_POLICY,
) -> Path:
    """The entry's verified file; downloaded where it is missing or damaged in the download folder.

    Args:
        on_progress: called with bytes present and bytes in all, from the calling thread.
    Raises:
        CheckpointError: every server failed, the disk is full, the folder cannot be written, or a damaged
            file lies in a folder that is not ours to write to.
    """
    target = download_folder() / entry.file_name
    found = find_checkpoint(entry)
    if found is not None:
        try:
            verify_checkpoint(entry, found)
        except CheckpointError as damage:
            if entry.shipped:
                raise CheckpointError(f"{damage}: {_how_to_get(entry)}") from damage
            if found != target:
                raise CheckpointError(f"{damage}: remove it, then get {entry.name} again") from damage
        else:
            return found
    if entry.shipped:
        raise CheckpointError(f"{entry.name} is not on this machine: {_how_to_get(entry)}")
    return download_file(
        entry.urls, target, entry.num_bytes, entry.sha256, on_progress=on_progress, policy=policy
    )


def _how_to_get(entry: CatalogEntry) -> str:
    if entry.shipped:
        return f"it ships with streamtrack as checkpoints/{entry.file_name}, reinstall or restore that file"
    return f"run `streamtrack checkpoints get {entry.name}` ({entry.num_bytes / 2**20:.0f} MiB)"
