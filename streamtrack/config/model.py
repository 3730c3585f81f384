"""`model`: which network runs, where, how exactly."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from streamtrack.config.image_size import ImageSize, input_size_of
from streamtrack.config.section import Section
from streamtrack.weights.catalog import CATALOG

MAX_THREADS = 1024
"""OpenMP ends the process where it cannot start as many as it was told to."""


def live_threads() -> int:
    """CPU threads of one step on a live stream, where the config does not say: all cores but one.

    That one decodes, draws and encodes. With every core at the model, its threads wait for each other
    whenever one of those runs, and a step takes many times as long.
    """
    return max(1, (os.cpu_count() or 2) - 1)


class ModelConfig(Section):
    """Which network, where, how exact."""

    name: str = Field("nano", min_length=1)
    """A name of the catalog: nano, sam2.1-tiny|small|base-plus|large, sam2-tiny|small|base-plus|large; or a
    weights file (.pt, .pth, .safetensors), a folder as transformers saves a model, or an id of the Hugging
    Face hub that was fetched (facebook/sam2.1-hiera-tiny), whose architecture is recognised. nano follows on
    a processor; the others are better, slower, and want a GPU (`streamtrack checkpoints get sam2.1-tiny`
    downloads one; `streamtrack fit` tells which has room)."""
    checkpoint: Path | None = None
    """Your own weights for the architecture that `name` names (.pt, .safetensors, or a folder
    as transformers saves them). null: the catalog's."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """auto takes CUDA, then MPS, then the processor."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """fp32 is exact; bf16 is faster where the device has it. auto takes bf16 on CUDA, fp32 on a processor,
    and bf16 there, too, with the presets balanced and fast, if it has it (avx512_bf16 or amx_bf16)."""
    image_size: ImageSize | None = None
    """Side of the square that the network sees, a multiple of 32 from 128 to 2048; or its width and height,
    such as 1024x576, which shows a 16:9 picture undistorted for little more than half the work of 1024.
    Smaller is faster and loses small objects. null: what the model was trained on."""
    compile: Literal["auto", "on", "off"] = "auto"
    """On a processor, auto uses what `streamtrack compile` left for this number of threads (same masks, a
    step in about two thirds of the time) and compiles nothing; on compiles at the start where that was not
    done yet, a minute or two; off never. On CUDA, auto replays the step as CUDA graphs; on also compiles it,
    at the first frame of each new number of objects or of corrections, which then takes long, once; off runs
    it as it is."""
    preset: Literal["quality", "balanced", "fast"] = "quality"
    """quality is exact. balanced and fast send every second and fourth frame through the network, which reads
    three past frames instead of six, in bf16 if the device has it; keys that you set
    (tracking.keyframe_interval, tracking.memory_frames, precision) they leave alone. `streamtrack bench
    pareto` measures what that costs in masks and gains in speed."""
    memory_pool: Literal[1, 2] = 1
    """2 reads memory in squares of 2 x 2 averaged tokens: less work with large images, an approximation.
    1 is exact."""
    threads: int | None = Field(None, ge=1, le=MAX_THREADS)
    """Processor threads of one step. null: on live streams all cores but one, which decodes, draws and
    encodes; on recordings torch's own choice."""

    @field_validator("compile", mode="before")
    @classmethod
    def _yaml_means_a_word(cls, value: Any) -> Any:
        # YAML 1.1 reads on and off as booleans.
        return {True: "on", False: "off"}[value] if isinstance(value, bool) else value

    @field_validator("image_size")
    @classmethod
    def _fits_the_model(cls, value: int | str | None, info: ValidationInfo) -> int | str | None:
        # A weights file says only once it is read which network it is of: its size is checked then.
        entry = CATALOG.get(info.data.get("name", ""))
        fits = entry is None or value is None or all(map(entry.takes_image_size, input_size_of(value)))
        if entry is not None and not fits:
            raise ValueError(f"image_size is {value}, expected {entry.image_sizes}")
        return value
