"""Films for a tracker: one run over all frames, its prompts known at the start."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from streamtrack.config import TrackingConfig
from streamtrack.engine.film_outputs import FollowedOutputs
from streamtrack.errors import ConfigError
from streamtrack.model.build import LoadedModel
from streamtrack.model.weights_digest import weights_sha256
from streamtrack.prompt import Prompt
from streamtrack.tracking.film_prompts import Lifetimes, apply_prompts
from streamtrack.tracking.film_run import FilmRun, FilmSource
from streamtrack.tracking.film_seen import SeenStore, TemporarySeen
from streamtrack.tracking.film_span import Direction, FilmSpan
from streamtrack.tracking.film_tracks import FilmTracks


def start_run(
    model: LoadedModel,
    source: FilmSource,
    prompts: Sequence[Prompt],
    config: TrackingConfig,
    *,
    direction: Direction = "forward",
    span: FilmSpan | None = None,
    lifetimes: Lifetimes | None = None,
    new_store: Callable[[], SeenStore] = TemporarySeen,
    keep_logits: bool = False,
) -> FilmRun:
    """A run of which everything is known: its prompts are applied, and nothing is followed yet.

    Args:
        span: the frames that are looked at; None: all.
        lifetimes: of objects that do not exist all the time.
        new_store: makes what keeps the passes, once the prompts are applied.
        keep_logits: results carry the masks' logits as well.
    Raises:
        PromptError, ShapeError: a prompt does not fit its frame, or that frame is left out or never comes.
        ConfigError: no such direction, or key frames are asked for.
        SourceError: the film cannot be read.
    """
    span = FilmSpan() if span is None else span
    require_every_frame(config)
    outputs = films_outputs(model)
    tracks = FilmTracks(
        model,
        config,
        count_positions(model, source, span),
        lambda: FollowedOutputs(None, outputs),
        keep_logits=keep_logits,
    )
    apply_prompts(tracks, source, span, prompts, lifetimes)
    return plan_run(tracks, source, span, direction, new_store(), config)


def plan_run(
    tracks: FilmTracks,
    source: FilmSource,
    span: FilmSpan,
    direction: Direction,
    store: SeenStore,
    config: TrackingConfig,
) -> FilmRun:
    """The run of a whole span."""
    first = None if span.start is None else 0
    if span.end is None:
        return FilmRun(tracks, source, span, direction, store, config, first=first)
    # Where it begins is told by its end: that has to be there.
    num_frames = source.count(span.end + 1) if direction != "forward" else None
    last = span.num_positions(num_frames) - 1
    return FilmRun(
        tracks, source, span, direction, store, config, num_frames=num_frames, first=first, last=last
    )


def require_every_frame(config: TrackingConfig) -> None:
    """Refuse what the film engine does not do.

    Raises:
        ConfigError: key frames, a stride of memory, or objects that are left out.
    """
    if config.objects_per_step != "all":
        raise ConfigError(
            f"tracking.objects_per_step is {config.objects_per_step}, expected all: objects are left "
            "out only where every frame is followed once, forward"
        )
    for key, value in (
        ("keyframe_interval", config.keyframe_interval),
        ("memory_stride", config.memory_stride),
    ):
        if value > 1:
            raise ConfigError(
                f"tracking.{key} is {value}, expected 1: a film that goes backward sends every frame through "
                "the network (preset quality)"
            )


def films_outputs(model: LoadedModel) -> int:
    """Outputs of a pass that are at hand: those that the next frame may read, and the newest."""
    geometry = model.network.geometry
    return max(geometry.recent_frames, geometry.recent_pointers) + 2


def count_positions(model: LoadedModel, source: FilmSource, span: FilmSpan) -> int:
    """How many frames are looked at, as far as the network's memory reaches: beyond, it does not matter."""
    enough = model.network.geometry.recent_pointers + 1
    return min(enough, span.num_positions(source.count(span.number(enough) + 1)))


def identity_of(model: LoadedModel) -> dict[str, str | int]:
    """What decides a mask's numbers: network, weights, precision, device, threads."""
    return {
        "name": model.name,
        "weights": weights_sha256(model.network.module)[:32],
        "settings": repr((model.network.geometry, model.network.settings)),
        "precision": model.precision,
        "device": model.network.device.type,
        "threads": torch.get_num_threads(),
        "compiled": model.network.compiled is not None,
        "torch": torch.__version__,
    }
