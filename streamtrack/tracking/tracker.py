"""The public way in: a network with its weights, from which sessions are made."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Literal

import torch
from pydantic import ValidationError

from streamtrack.clock import SYSTEM_CLOCK, Clock
from streamtrack.config import ModelConfig, SourceConfig, TrackingConfig
from streamtrack.config.faults import describe_validation_error
from streamtrack.config.presets import tracking_with_preset
from streamtrack.engine.follower import Follower
from streamtrack.engine.places import Batching
from streamtrack.engine.read_plan import MemoryPlan, RecentMemory
from streamtrack.engine.runner import make_runner
from streamtrack.errors import ConfigError, PromptError
from streamtrack.frame import FrameResult
from streamtrack.model.build import LoadedModel, load_model
from streamtrack.model.chosen import choose_model
from streamtrack.model.interface import Geometry
from streamtrack.openmp import warn_if_threads_spin
from streamtrack.prompt import Prompt
from streamtrack.tracking.film_prompts import Lifetimes
from streamtrack.tracking.film_run import FilmRun, FilmSource
from streamtrack.tracking.film_seen import SeenStore, TemporarySeen
from streamtrack.tracking.film_span import Direction, FilmSpan
from streamtrack.tracking.films import start_run
from streamtrack.tracking.keyframes import FlowBetweenKeyFrames
from streamtrack.tracking.session import Session

Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "fp32", "bf16"]


class Tracker:
    """A network on a device. Sessions made from it share its weights and nothing else."""

    def __init__(
        self, model: LoadedModel, *, tracking: TrackingConfig | None = None, graphs: bool = False
    ) -> None:
        """Make one of a loaded model.

        Args:
            tracking: for sessions that are given none.
            graphs: replay the step as CUDA graphs, where the device is one.
        """
        self._model = model
        self._tracking = TrackingConfig() if tracking is None else tracking
        self._graphs = graphs
        if model.network.device.type == "cpu":
            warn_if_threads_spin(torch.get_num_threads())
        self.name = model.name
        """The architecture's name, such as `nano`."""

    @classmethod
    def from_checkpoint(
        cls,
        name_or_path: str | os.PathLike[str] = "nano",
        *,
        device: Device = "auto",
        precision: Precision = "auto",
        image_size: int | None = None,
        threads: int | None = None,
    ) -> Tracker:
        """Load a model of the catalog by name, or a weights file whose architecture is recognised.

        Args:
            image_size: longer side of the picture that the network sees, in px; None: the model's own.
            threads: CPU threads for the whole process; None leaves torch's own choice.
        Raises:
            CheckpointError: unknown model, or weights that are missing, damaged or of no known model.
            ConfigError: the device is not there, or the image size does not fit.
        """
        try:
            config = ModelConfig(
                name=_path_text(name_or_path, "model", "a model's name or a weights file"),
                device=device,
                precision=precision,
                image_size=image_size,
                threads=threads,
            )
        except ValidationError as error:
            raise ConfigError(f"model: {describe_validation_error(error, ModelConfig)}") from error
        return cls.from_config(config)

    @classmethod
    def from_config(cls, config: ModelConfig) -> Tracker:
        """Load the model that a config's `model` section names.

        Sessions that are given no `TrackingConfig` have that of the config's preset; one that is given counts
        as it stands.

        Raises:
            CheckpointError: unknown model, or weights that are missing, damaged or of another model.
            ConfigError: the device is not there.
        """
        model = load_model(choose_model(config))
        tracking = tracking_with_preset(TrackingConfig(), config.preset)
        return cls(model, tracking=tracking, graphs=config.compile != "off")

    @property
    def device(self) -> str:
        """cpu, cuda or mps."""
        return str(self._model.network.device.type)

    @property
    def precision(self) -> str:
        """fp32 or bf16."""
        return self._model.precision

    def identity(self) -> dict[str, str | int]:
        """What decides a mask's numbers: network, weights, precision, device, threads."""
        digest = hashlib.sha256()
        for name, tensor in self._model.network.module.state_dict().items():
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
        return {
            "name": self.name,
            "weights": digest.hexdigest()[:32],
            "settings": repr((self._model.network.geometry, self._model.network.settings)),
            "precision": self.precision,
            "device": self.device,
            "threads": torch.get_num_threads(),
            "compiled": self._model.network.compiled is not None,
            "torch": torch.__version__,
        }

    @property
    def image_size(self) -> int:
        """Longer side of the picture that the network sees, in pixels."""
        return max(self._model.network.geometry.input_size)

    def new_session(
        self,
        config: TrackingConfig | None = None,
        clock: Clock = SYSTEM_CLOCK,
        *,
        memory_plan: MemoryPlan | None = None,
    ) -> Session:
        """A session without objects for one stream.

        Args:
            config: resolved, as `load_config` gives it; None: the tracker's own.
            memory_plan: which frames' memory is read; None: the last `memory_frames`, as SAM 2 does.
        Raises:
            ConfigError: an argument of another type.
        """
        network = self._model.network
        config = self._tracking if config is None else config
        _check_type(config, TrackingConfig, "config", "a streamtrack.TrackingConfig")
        _check_type(clock, Clock, "clock", "a streamtrack.clock.Clock")
        if memory_plan is not None:
            _check_type(memory_plan, MemoryPlan, "memory_plan", "a MemoryPlan, such as RecentMemory(...)")
        runner = make_runner(network, graphs=self._graphs)
        max_batch = network.best_batch or config.max_objects
        follower = Follower(
            network,
            plan=memory_plan or _recent_memory(network.geometry, config),
            max_conditioning_frames=config.max_conditioning_frames,
            history_frames=config.history_frames,
            batching=Batching(max_batch, fixed_shapes=runner.fixed_shapes),
            runner=runner,
            autocast=self._model.autocast,
        )
        key_frames = None
        if config.keyframe_interval > 1:
            key_frames = FlowBetweenKeyFrames(config.keyframe_interval, config.history_frames)
        return Session(follower, config, clock, key_frames)

    def start_film(
        self,
        source: FilmSource,
        prompts: Sequence[Prompt],
        config: TrackingConfig | None = None,
        *,
        direction: Direction = "forward",
        span: FilmSpan | None = None,
        lifetimes: Lifetimes | None = None,
        new_store: Callable[[], SeenStore] = TemporarySeen,
        keep_logits: bool = False,
    ) -> FilmRun:
        """A run through a film whose prompts are all known; see `films.start_run`."""
        config = self._tracking if config is None else config
        return start_run(
            self._model,
            source,
            _checked_prompts(prompts),
            config,
            direction=direction,
            span=span,
            lifetimes=lifetimes,
            new_store=new_store,
            keep_logits=keep_logits,
        )

    def track(
        self,
        source: str | os.PathLike[str],
        prompts: Sequence[Prompt],
        config: TrackingConfig | None = None,
    ) -> Iterator[FrameResult]:
        """Follow objects through every frame of a file, folder or other source, each from its prompt's
        `at_frame` or else from the first frame.

        Raises:
            ConfigError: `source` or `config` is of another type.
            SourceError: the source cannot be read.
            PromptError, ShapeError, CapacityError: a prompt does not fit its frame, or no frame has its
                `at_frame`.
        """
        from streamtrack.ingest import iter_frames, with_next  # PyAV loads only for those who read video

        session = self.new_session(config)
        waiting = _checked_prompts(prompts)
        url = _path_text(source, "source", "a path, a URL or synthetic:NAME")
        frames = iter_frames(SourceConfig(url=url, pace="every_frame"))
        for frame, upcoming in with_next(frames):
            # A prompt for the frame that comes next spares the session the way back to it.
            due = [prompt for prompt in waiting if (prompt.at_frame or 0) == session.newest_frame_idx + 1]
            waiting = [prompt for prompt in waiting if prompt not in due]
            for prompt in due:
                session.start(replace(prompt, at_frame=None))
            if upcoming is not None:
                session.encode_ahead(upcoming)
            yield session.step(frame)
        if waiting:
            raise PromptError(
                f"object {waiting[0].object_id}: at_frame is {waiting[0].at_frame}, expected one of the "
                f"source's {session.newest_frame_idx + 1} frames"
            )


def _path_text(value: object, name: str, expected: str) -> str:
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(text, str) or not text.strip():
        found = "empty" if isinstance(text, str) else type(value).__name__
        raise ConfigError(f"{name} is {found}, expected {expected}")
    return text


def _check_type(value: object, kind: type, name: str, expected: str) -> None:
    if not isinstance(value, kind) or isinstance(value, type):
        raise ConfigError(f"{name} is {type(value).__name__}, expected {expected}")


def _checked_prompts(prompts: object) -> list[Prompt]:
    if isinstance(prompts, str | bytes) or not isinstance(prompts, Iterable):
        raise PromptError(f"prompts is {type(prompts).__name__}, expected a list of streamtrack.Prompt")
    checked = list(prompts)
    for index, prompt in enumerate(checked):
        if not isinstance(prompt, Prompt):
            raise PromptError(f"prompt {index} is {type(prompt).__name__}, expected a streamtrack.Prompt")
    return checked


def _recent_memory(geometry: Geometry, config: TrackingConfig) -> RecentMemory:
    frames = min(config.memory_frames, geometry.recent_frames)
    return RecentMemory(frames, geometry.recent_pointers, config.memory_stride)
