"""The public way in: a network with its weights, from which sessions are made."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import ValidationError

from streamtrack.clock import SYSTEM_CLOCK, Clock
from streamtrack.config import ModelConfig, SourceConfig, TrackingConfig
from streamtrack.config.faults import describe_validation_error
from streamtrack.config.presets import model_with_preset, tracking_with_preset
from streamtrack.engine.memory_bank import Batching
from streamtrack.engine.runner import make_runner
from streamtrack.errors import ConfigError
from streamtrack.frame import FrameResult
from streamtrack.model.build import LoadedModel, load_model
from streamtrack.model.chosen import choose_model
from streamtrack.tracking.keyframes import CarryingSession
from streamtrack.tracking.prompts import Prompt
from streamtrack.tracking.session import Session

Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "fp32", "bf16"]


class Tracker:
    """A network on a device. Sessions made from it share its weights and nothing else."""

    def __init__(self, model: LoadedModel, *, preset: str = "quality", graphs: bool = False) -> None:
        """`graphs`: replay the step as CUDA graphs, where the device is one."""
        self._model = model
        self._preset = preset
        self._graphs = graphs
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
            image_size: side of the square that the network sees, a multiple of 32; None: the model's own.
            threads: CPU threads for the whole process; None leaves torch's own choice.
        Raises:
            CheckpointError: unknown model, or weights that are missing, damaged or of no known model.
            ConfigError: the device is not there, or the image size does not fit.
        """
        try:
            config = ModelConfig(
                name=os.fspath(name_or_path),
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

        Raises:
            CheckpointError: unknown model, or weights that are missing, damaged or of another model.
            ConfigError: the device is not there.
        """
        model = load_model(choose_model(model_with_preset(config)))
        return cls(model, preset=config.preset, graphs=config.compile != "off")

    @property
    def device(self) -> str:
        """cpu, cuda or mps."""
        return str(self._model.network.device.type)

    @property
    def precision(self) -> str:
        """fp32 or bf16."""
        return self._model.precision

    @property
    def image_size(self) -> int:
        """Longer side of the picture that the network sees, in pixels."""
        return max(self._model.network.geometry.input_size)

    def new_session(self, config: TrackingConfig | None = None, clock: Clock = SYSTEM_CLOCK) -> Session:
        """A session without objects for one stream."""
        network = self._model.network
        config = tracking_with_preset(config if config is not None else TrackingConfig(), self._preset)
        runner = make_runner(network, graphs=self._graphs)
        session = Session(
            network,
            config,
            clock,
            batching=Batching(self._objects_in_a_pass(config), fixed_shapes=runner.fixed_shapes),
            runner=runner,
            autocast=self._model.autocast,
        )
        return session if config.keyframe_interval == 1 else CarryingSession(session, config, clock)

    def _objects_in_a_pass(self, config: TrackingConfig) -> int:
        return self._model.network.best_batch or config.max_objects

    def track(
        self,
        source: str | os.PathLike[str],
        prompts: Sequence[Prompt],
        config: TrackingConfig | None = None,
    ) -> Iterator[FrameResult]:
        """Follow objects through every frame of a file, folder or other source, from its first frame.

        Raises:
            SourceError: the source cannot be read.
            PromptError, ShapeError, CapacityError: a prompt does not fit the first frame.
        """
        from streamtrack.ingest import iter_frames, with_next  # PyAV loads only for those who read video

        session = self.new_session(config)
        for prompt in prompts:
            session.add(
                prompt.object_id,
                points=prompt.points,
                labels=prompt.labels,
                box=prompt.box,
                mask=prompt.mask,
                label=prompt.label,
            )
        frames = iter_frames(SourceConfig(url=os.fspath(source), pace="every_frame"))
        for frame, upcoming in with_next(frames):
            if upcoming is not None:
                session.encode_ahead(upcoming)
            yield session.step(frame)
