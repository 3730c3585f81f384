"""Whatever a weights file holds, reading it gives tensors or one clear line, and little memory."""

from __future__ import annotations

import io
import os
import pickle
import random
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from streamtrack.errors import CheckpointError
from streamtrack.model.checkpoint import name_of_checkpoint
from streamtrack.model.weights_file import load_strict, read_weights

ROUNDS = 100
"""Damaged copies of each kind of file: a fraction of a second."""
WEIGHTS = {
    "image_encoder.trunk.stem.weight": torch.randn(4, 3, 3, 3),
    "image_encoder.trunk.blocks.0.depthwise.weight": torch.randn(8).half(),
    "image_encoder.trunk.patch_embed.proj.weight": torch.randn(2, 2),
    "count": torch.arange(5),
}


def saved(kind: str) -> bytes:
    buffer = io.BytesIO()
    if kind == "pt":
        torch.save({"model": WEIGHTS}, buffer)
    elif kind == "old pt":
        torch.save({"model": WEIGHTS}, buffer, _use_new_zipfile_serialization=False)
    else:
        from safetensors.torch import save

        return bytes(save(WEIGHTS))
    return buffer.getvalue()


def change_bytes(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def splice(data: bytes, rng: random.Random) -> bytes:
    start, length = rng.randrange(len(data)), rng.randint(1, 64)
    return data[:start] + rng.randbytes(rng.randint(0, 64)) + data[start + length :]


def noise(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.choice((0, 2, 4, 9, 64))] + rng.randbytes(rng.randint(0, 2000))


def repickle(data: bytes, rng: random.Random) -> bytes:
    """The archive whole, the pickle in it damaged: what reaches the unpickler."""
    if not data.startswith(b"PK"):
        return change_bytes(data, rng)
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(written, "w") as copy:
        for entry in archive.infolist():
            content = archive.read(entry)
            copy.writestr(
                entry.filename, change_bytes(content, rng) if entry.filename.endswith(".pkl") else content
            )
    return written.getvalue()


def read_is_clean(path: Path) -> bool:
    """Whether the file was read; its one line otherwise."""
    try:
        weights = read_weights(path)
        name_of_checkpoint(path)
    except CheckpointError as error:
        text = str(error)
        assert text.startswith(str(path))
        assert "\n" not in text
        assert text.isprintable()
        assert len(text) < 600
        return False
    assert all(isinstance(name, str) for name in weights)
    return True


@pytest.mark.parametrize("kind", ["pt", "old pt", "safetensors"])
@pytest.mark.parametrize("damage", [change_bytes, cut, splice, noise, repickle])
def test_damaged_file_fails_with_one_line(
    kind: str, damage: Callable[[bytes, random.Random], bytes], tmp_path: Path
) -> None:
    rng = random.Random(f"{kind} {damage.__name__}")
    data = saved(kind)
    path = tmp_path / ("w.safetensors" if kind == "safetensors" else "w.pt")
    refused = 0
    for _ in range(ROUNDS):
        path.write_bytes(damage(data, rng))
        refused += not read_is_clean(path)
    assert refused > ROUNDS // 10  # a changed byte of a weight is a weight


@pytest.mark.parametrize("kind", ["pt", "old pt", "safetensors"])
def test_whole_file_is_read_whatever_its_suffix(kind: str, tmp_path: Path) -> None:
    for suffix in (".pt", ".safetensors", ".bin"):
        path = tmp_path / f"weights{suffix}"
        path.write_bytes(saved(kind))
        weights = read_weights(path)
        assert weights.keys() == WEIGHTS.keys()
        for name, value in weights.items():
            assert torch.equal(value, WEIGHTS[name].float() if name != "count" else WEIGHTS[name])


@pytest.mark.parametrize("name", ["/etc/passwd", "/dev/zero", "/", "/proc/self/status", "x" * 400 + ".pt"])
def test_what_is_no_file_of_weights_is_refused(name: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        read_weights(Path(name))
    assert "\n" not in str(caught.value)


def test_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pt")
    with pytest.raises(CheckpointError, match=r"pipe\.pt: cannot be read: not a regular file$"):
        read_weights(tmp_path / "pipe.pt")


def write(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ([1, 2], "holds no model weights, expected tensors by name"),
        ({"model": 3}, "holds no model weights, expected tensors by name"),
        ({1: torch.zeros(2)}, "holds no model weights, expected tensors by name"),
        ({"a": torch.zeros(2).to_sparse()}, "holds no model weights, expected tensors by name"),
        ({"a": torch.zeros(2, device="meta")}, "holds no model weights, expected tensors by name"),
        ({"a": torch.tensor([1.0, torch.nan])}, "a holds numbers that are not finite"),
        ({"a": torch.zeros(1).expand(1_000_000_000)}, "tensors of 4000000000 bytes in a file of"),
        ({"a\n\x1b[31m": torch.tensor(torch.inf)}, r"a\?\?\[31m holds numbers that are not finite"),
    ],
)
def test_content_that_is_no_weights_is_named(content: object, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=complaint):
        read_weights(write(tmp_path / "w.pt", content))


def test_archive_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb/data.pkl", pickle.dumps({}))
        archive.writestr("bomb/data/0", bytes(50_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError, match=r"an archive of \d+ bytes that unpacks to 500000\d\d$"):
            read_weights(path)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000, "a tenth of what it would unpack to"
    finally:
        tracemalloc.stop()


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    # A safetensors header of brackets only, and a pickle of lists in lists.
    header = b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    (tmp_path / "deep.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    with zipfile.ZipFile(tmp_path / "deep.pt", "w") as archive:
        lists = pickle.EMPTY_LIST * 100_000 + pickle.APPEND * 99_999
        archive.writestr("deep/data.pkl", pickle.PROTO + b"\x02" + lists + pickle.STOP)
        archive.writestr("deep/version", "3\n")
    for name in ("deep.safetensors", "deep.pt"):
        with pytest.raises(CheckpointError):
            read_weights(tmp_path / name)


def test_numbers_of_another_kind_do_not_become_weights(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file({"weight": torch.zeros(2, 2, dtype=torch.int64), "bias": torch.zeros(2)}, path)
    with pytest.raises(CheckpointError, match=r"weight is torch\.int64, expected torch\.float32$"):
        load_strict(nn.Linear(2, 2), read_weights(path), path, "linear")
