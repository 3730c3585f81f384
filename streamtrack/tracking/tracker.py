"""The public way in: a network with its weights, from which sessions are made."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Literal

import torch
from numpy.typing import ArrayLike
from pydantic import ValidationError

from streamtrack.clock import SYSTEM_CLOCK, Clock
from streamtrack.config import ModelConfig, TrackingConfig
from streamtrack.config.faults import describe_validation_error
from streamtrack.config.presets import tracking_with_preset
from streamtrack.engine.read_plan import MemoryPlan
from streamtrack.errors import ConfigError, PromptError
from streamtrack.frame import FrameResult
from streamtrack.model.build import LoadedModel, load_model
from streamtrack.model.chosen import choose_model
from streamtrack.openmp import warn_if_threads_spin
from streamtrack.prompt import Prompt, Values
from streamtrack.tracking.film_prompts import Lifetimes
from streamtrack.tracking.film_session import FilmSession
from streamtrack.tracking.film_source import follow_live, follows_live, open_source, path_text
from streamtrack.tracking.film_span import Direction, FilmSpan
from streamtrack.tracking.films import start_run
from streamtrack.tracking.in_thread import in_thread
from streamtrack.tracking.make_session import facts_of, make_session, remember
from streamtrack.tracking.memory_file import ModelFacts
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
        image_size: int | str | None = None,
        threads: int | None = None,
        compile: bool | Literal["auto", "on", "off"] = "auto",
    ) -> Tracker:
        """Load a model of the catalog by name, or a weights file whose architecture is recognised.

        Args:
            image_size: side of the square that the network sees, in px, or its width and height,
                "1024x576"; None: the model's own.
            threads: CPU threads for the whole process; None leaves torch's own choice.
            compile: `model.compile` of the config. True compiles for this processor where nobody has yet, a
                minute or two, once, and keeps it where `streamtrack compile` does; "auto" uses what is kept
                there for so many threads; False never.
        Raises:
            CheckpointError: unknown model, or weights that are missing, damaged or of no known model.
            ConfigError: the device is not there, or the image size does not fit.
        """
        try:
            config = ModelConfig(
                name=path_text(name_or_path, "model", "a model's name or a weights file"),
                device=device,
                precision=precision,
                image_size=image_size,
                threads=threads,
                compile=compile,  # the model takes bools as YAML has them
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
    def model(self) -> LoadedModel:
        """The network with its weights."""
        return self._model

    @property
    def device(self) -> str:
        """cpu, cuda or mps."""
        return str(self._model.network.device.type)

    @property
    def precision(self) -> str:
        """fp32 or bf16."""
        return self._model.precision

    @property
    def memory_facts(self) -> ModelFacts:
        """What objects' memories fit this model; takes a second for a large one, once."""
        return facts_of(self._model)

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
            memory_plan: which frames' memory is read; None: as the config's `memory` says.
        Raises:
            ConfigError: an argument of another type.
        """
        config = self._film_config(config)
        _check_type(clock, Clock, "clock", "a streamtrack.clock.Clock")
        if memory_plan is not None:
            _check_type(memory_plan, MemoryPlan, "memory_plan", "a MemoryPlan, such as RecentMemory(...)")
        return make_session(self._model, config, clock, memory_plan, graphs=self._graphs)

    def remember(
        self,
        picture: ArrayLike,
        *,
        points: Values | None = None,
        labels: Values | None = None,
        box: Values | None = None,
        mask: ArrayLike | None = None,
        label: str = "",
        config: TrackingConfig | None = None,
    ) -> bytes:
        """The memory of an object that a picture shows, for `Session.add(memory=..., anywhere=True)`.

        Args:
            picture: (H, W, 3) uint8 RGB.
            points, labels, box, mask: which object it is; see `Prompt`.
            config: as for `new_session`.
        Raises:
            PromptError, ShapeError: the prompt does not fit the picture.
            NothingFoundError: it shows nothing there.
        """
        prompt = Prompt(0, points, labels, box, mask, label)
        return remember(self._model, self._film_config(config), picture, prompt)

    def open_film(
        self,
        source: str | os.PathLike[str] | ArrayLike,
        config: TrackingConfig | None = None,
        *,
        start: int | None = None,
        end: int | None = None,
        stride: int = 1,
        max_width: int | None = None,
    ) -> FilmSession:
        """A film to prompt, follow, correct and follow anew.

        Args:
            source: a video, a URL, a folder of pictures, `synthetic:NAME`, or the frames themselves:
                (N, H, W, 3) uint8 RGB as an array, a tensor or a list.
            start, end: the first and the last frame that are looked at.
            stride: every so many frames one is.
            max_width: wider pictures are scaled down while decoding, in px.
        Raises:
            ConfigError: an argument that cannot be meant, or key frames are asked for.
            SourceError: the film cannot be read. ShapeError: the frames are none.
        """
        span = FilmSpan(start, end, stride)
        config = self._film_config(config)
        return FilmSession(self._model, open_source(source, max_width), config, span)

    def track(
        self,
        source: str | os.PathLike[str] | ArrayLike,
        prompts: Sequence[Prompt],
        config: TrackingConfig | None = None,
        *,
        direction: Direction = "forward",
        start: int | None = None,
        end: int | None = None,
        stride: int = 1,
        lifetimes: Lifetimes | None = None,
        memories: Mapping[int, bytes] | None = None,
    ) -> Iterator[FrameResult]:
        """Follow objects through a film, each from its prompt's `at_frame` or else from the first frame.

        All prompts are applied first: one on frame 50 of an object that began on frame 0 betters the frames
        before it, too. With key frames (presets `balanced` and `fast`) and on live sources a session follows
        forward, as it follows a stream.

        Args:
            source: as for `open_film`.
            direction: forward from each object's earliest prompt (from `start`, where that is given),
                backward from its latest (from `end`), whose results come as they are found, the film's last
                frame first; or both, in the film's order.
            start, end, stride: as for `open_film`.
            lifetimes: the first and last frame of objects that do not exist all the time, by id.
            memories: of more objects, by id, as `Session.export_object` and `remember` give them; a session
                then follows all of them, forward.
        Raises:
            ConfigError: an argument that cannot be meant.
            SourceError: the source cannot be read. ObjectMemoryError: a memory does not fit.
            PromptError, ShapeError, CapacityError: a prompt does not fit its frame, or no frame has its
                `at_frame`.
        """
        given, config = _checked_prompts(prompts), self._film_config(config)
        _check_type(memories or {}, Mapping, "memories", "what `export_object` gave, by id")
        span = FilmSpan(start, end, stride)
        film = open_source(source)
        is_plain = direction == "forward" and span == FilmSpan() and not lifetimes
        if follows_live(film, config, is_plain=is_plain, memories=bool(memories)):
            yield from follow_live(self.new_session(config), film, given, memories or {})
            return
        run = start_run(self._model, film, given, config, direction=direction, span=span, lifetimes=lifetimes)
        if direction == "backward":
            yield from run.results_backward()
            return
        for result in run.results():
            if result is not None:
                yield result

    def track_async(
        self,
        source: str | os.PathLike[str] | ArrayLike,
        prompts: Sequence[Prompt],
        config: TrackingConfig | None = None,
        *,
        direction: Direction = "forward",
        start: int | None = None,
        end: int | None = None,
        stride: int = 1,
        lifetimes: Lifetimes | None = None,
        memories: Mapping[int, bytes] | None = None,
    ) -> AsyncIterator[FrameResult]:
        """`track` for `async for`: decoder and network run in a thread, so that the event loop stays free."""
        track = partial(
            self.track,
            source,
            prompts,
            config,
            direction=direction,
            start=start,
            end=end,
            stride=stride,
            lifetimes=lifetimes,
            memories=memories,
        )
        return in_thread(track)

    def _film_config(self, config: TrackingConfig | None) -> TrackingConfig:
        config = self._tracking if config is None else config
        _check_type(config, TrackingConfig, "config", "a streamtrack.TrackingConfig")
        return config


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
