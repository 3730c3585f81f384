"""From a loaded model and a config to a session, and to the memory of what a picture shows."""

from __future__ import annotations

from functools import partial

from numpy.typing import ArrayLike

from streamtrack.clock import Clock
from streamtrack.config import TrackingConfig
from streamtrack.config.presets import tracking_of_model
from streamtrack.engine.anchored_plan import AnchoredMemory
from streamtrack.engine.follower import Follower
from streamtrack.engine.places import Batching
from streamtrack.engine.preprocess import as_image
from streamtrack.engine.read_plan import MemoryPlan, RecentMemory
from streamtrack.engine.runner import make_runner
from streamtrack.model.build import LoadedModel
from streamtrack.model.interface import Geometry
from streamtrack.model.weights_digest import weights_sha256
from streamtrack.prompt import Prompt
from streamtrack.tracking import colours
from streamtrack.tracking.keyframes import FlowBetweenKeyFrames
from streamtrack.tracking.looking import Looking, make_looking
from streamtrack.tracking.memory_file import ModelFacts
from streamtrack.tracking.object_memories import MemoryMaker
from streamtrack.tracking.references import remember_picture
from streamtrack.tracking.session import Session


def make_session(
    model: LoadedModel, config: TrackingConfig, clock: Clock, plan: MemoryPlan | None, *, graphs: bool
) -> Session:
    """A session without objects; arguments as of `Tracker.new_session`."""
    geometry = model.network.geometry
    config = tracking_of_model(config, model.name)
    looking = make_looking(config, geometry)
    follower = _make_follower(model, config, plan, looking, graphs=graphs)
    if config.memory not in (None, "recent"):
        colours.prepare()
    key_frames = None
    if config.keyframe_interval > 1:
        key_frames = FlowBetweenKeyFrames(config.keyframe_interval, config.history_frames)

    def of_mask(object_id: int, picture: ArrayLike, mask: ArrayLike) -> bytes:
        return remember(model, config, picture, Prompt(object_id, mask=mask))

    maker = MemoryMaker(partial(facts_of, model), geometry, of_mask)
    return Session(follower, config, clock, key_frames, looking, maker)


def remember(model: LoadedModel, config: TrackingConfig, picture: ArrayLike, prompt: Prompt) -> bytes:
    """The memory of what a prompt shows on a picture; see `Tracker.remember`."""
    config = tracking_of_model(config, model.name)
    looking = make_looking(config, model.network.geometry)
    follower = _make_follower(model, config, None, looking, graphs=False)
    return remember_picture(follower, looking, config, facts_of(model), as_image(picture), prompt)


def facts_of(model: LoadedModel) -> ModelFacts:
    """What an object's memory has to fit."""
    network = model.network
    return ModelFacts(
        model.name, weights_sha256(network.module), network.geometry.input_size, model.precision
    )


def _make_follower(
    model: LoadedModel, config: TrackingConfig, plan: MemoryPlan | None, looking: Looking, *, graphs: bool
) -> Follower:
    network = model.network
    runner = make_runner(network, graphs=graphs)
    return Follower(
        network,
        plan=plan or _memory_plan(network.geometry, config),
        max_conditioning_frames=config.max_conditioning_frames,
        history_frames=config.history_frames,
        batching=Batching(network.best_batch or config.max_objects, fixed_shapes=runner.fixed_shapes),
        runner=runner,
        windows=looking.windows,
        autocast=model.autocast,
        aware=config.memory not in (None, "recent"),
        rivals=config.memory == "distractor_aware",
    )


def _memory_plan(geometry: Geometry, config: TrackingConfig) -> MemoryPlan:
    frames = min(config.memory_frames, geometry.recent_frames)
    if config.memory == "distractor_aware":
        return AnchoredMemory(
            frames, geometry.recent_pointers, config.memory_stride, history=config.history_frames
        )
    return RecentMemory(frames, geometry.recent_pointers, config.memory_stride)
