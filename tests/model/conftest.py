"""A folder for compiled networks, a compiler that takes no time, and a number of threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from streamtrack.model.compiled_calls import COMPILED_ENV
from tests.support.compiled import blind_library


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(COMPILED_ENV, str(tmp_path))
    return tmp_path


@pytest.fixture
def two_threads() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def blind_compiler(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Compiling takes no time, and what comes of it is blind to strides. What was compiled, in order."""
    calls: dict[str, Callable[..., Any]] = {}
    compiled: list[str] = []

    def compile_and_package(
        exported: tuple[Callable[..., Sequence[Tensor]], Sequence[Tensor]], package_path: str, **_: Any
    ) -> None:
        calls[Path(package_path).name] = blind_library(*exported)
        compiled.append(Path(package_path).stem)

    def export(call: Callable[..., Any], example: Sequence[Tensor], **_: Any) -> Any:
        return call, example

    monkeypatch.setattr("torch.export.export", export)
    monkeypatch.setattr("torch._inductor.aoti_compile_and_package", compile_and_package)
    monkeypatch.setattr(
        "streamtrack.model.compiled_calls.load_library", lambda path, *_: calls[Path(path).name]
    )
    return compiled
