"""All that decides what a film's run writes, so that only the same run is gone on with."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from streamtrack.config import StreamConfig
from streamtrack.ingest.source import SourceKind, SourceSpec, list_images
from streamtrack.offline.export_options import ExportOptions
from streamtrack.offline.film_job import FilmJob
from streamtrack.prompt import Prompt
from streamtrack.tracking import Tracker
from streamtrack.tracking.films import identity_of

SAMPLE_BYTES, SAMPLES = 1 << 18, 16
"""Of a long file so many pieces are looked at: another film is not the same in all of them."""


def all_asked(
    job: FilmJob,
    tracker: Tracker,
    stream: StreamConfig,
    spec: SourceSpec,
    exporters: Sequence[str],
    options: ExportOptions,
) -> dict[str, Any]:
    """As JSON has it; texts that may hold credentials and long values as their hashes."""
    source = stream.source.model_dump(mode="json", exclude={"url"})
    return {
        "source": {"name": spec.redacted_url, "contents": digest_source(spec)},
        "source settings": source,
        "model": identity_of(tracker.model),
        "tracking": stream.tracking.model_dump(mode="json"),
        "prompts": [_prompt(one) for one in job.prompts.prompts],
        "memories": [
            [one.object_id, one.label, hashlib.sha256(one.memory).hexdigest()[:32]] for one in job.known
        ],
        "ranges": {str(key): list(value) for key, value in sorted(job.prompts.lifetimes.items())},
        "direction": job.direction,
        "frames": [job.span.start, job.span.end, job.span.stride],
        "exports": list(exporters),
        "export options": repr(options),
        "drawing": stream.video.annotate.model_dump(mode="json"),
    }


def digest_source(spec: SourceSpec) -> str:
    """Tells a recording from others by what it holds."""
    digest = hashlib.sha256()
    path = Path(spec.url.removeprefix("file:"))
    if spec.kind is SourceKind.FILE:
        _add_file(digest, path)
    elif spec.kind is SourceKind.FOLDER:
        images = list_images(path)
        for image in images:
            digest.update(os.fsencode(image.name) + f"\0{image.stat().st_size}\n".encode())
        for image in images[:: max(1, len(images) // SAMPLES)]:
            _add_file(digest, image)
    else:
        digest.update(spec.url.encode())
    return digest.hexdigest()[:32]


def _add_file(digest: Any, path: Path) -> None:
    size = path.stat().st_size
    digest.update(str(size).encode())
    with path.open("rb") as file:
        for sample in range(SAMPLES):
            file.seek(max(0, size - SAMPLE_BYTES) * sample // (SAMPLES - 1))
            digest.update(file.read(SAMPLE_BYTES))


def _prompt(prompt: Prompt) -> list[Any]:
    mask = (
        None if prompt.mask is None else hashlib.sha256(np.packbits(prompt.mask).tobytes()).hexdigest()[:32]
    )
    return [
        prompt.object_id,
        prompt.label,
        prompt.at_frame,
        prompt.points.tolist(),
        prompt.labels.tolist(),
        None if prompt.box is None else prompt.box.tolist(),
        mask,
    ]
