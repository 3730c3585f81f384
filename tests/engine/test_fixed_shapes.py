"""A step of few shapes: the same numbers, one whole graph each, compiled once and captured once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from streamtrack.config import TrackingConfig
from streamtrack.engine.cuda_graph import GraphedEncode, GraphedFollow
from streamtrack.engine.follower import Follower
from streamtrack.engine.memory_bank import MemoryBank
from streamtrack.engine.places import Batching, Places
from streamtrack.engine.preprocess import to_input
from streamtrack.engine.read_plan import RecentMemory
from streamtrack.engine.runner import EagerRunner
from streamtrack.engine.step import Follow, follow_no_sync
from streamtrack.frame import Image
from streamtrack.model.interface import FrameFeatures, Network
from streamtrack.model.just_in_time import JustInTimeCalls
from streamtrack.tracking import Session, Tracker
from tests.engine.test_step import trap_syncs

pytestmark = pytest.mark.reference

SIZE = 128
"""Side of the network's square: a step of milliseconds, a tracing no shorter than any other."""
CONFIG = TrackingConfig(history_frames=8, max_objects=4)
NO_IMAGE = np.zeros((180, 320, 3), np.uint8)
"""Nothing to be seen: every object is hidden."""


def counting(backend: str) -> Any:
    """A backend of torch.compile that counts the graphs it is given."""
    from torch._dynamo.testing import CompileCounterWithBackend

    return CompileCounterWithBackend(backend)


@pytest.fixture(scope="module")
def network() -> Network:
    return Tracker.from_checkpoint("nano", device="cpu", image_size=SIZE)._model.network


@pytest.fixture
def fresh_dynamo() -> Iterator[None]:
    import torch._dynamo  # three seconds, which only these tests pay

    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


class Recorded(EagerRunner):
    """Runs the step as it is told to, and notes the shapes that it meets."""

    def __init__(
        self, network: Network, follow: Follow = follow_no_sync, *, fixed_shapes: bool = True
    ) -> None:
        super().__init__(network)
        self.fixed_shapes = fixed_shapes
        self.shapes: Counter[tuple[int, int, int]] = Counter()
        self._inner = follow
        self.follow = self._follow

    def _follow(self, network: Network, bank: MemoryBank, features: FrameFeatures, places: Places) -> None:
        self.shapes[places.index.shape[0], places.num_frames, places.num_pointers] += 1
        self._inner(network, bank, features, places)

    def session(self, config: TrackingConfig = CONFIG) -> Session:
        follower = Follower(
            self._network,
            plan=RecentMemory(config.memory_frames, self._network.geometry.recent_pointers),
            max_conditioning_frames=config.max_conditioning_frames,
            history_frames=config.history_frames,
            batching=Batching(config.max_objects, fixed_shapes=self.fixed_shapes),
            runner=self,
            autocast=nullcontext,
            aware=config.memory == "motion_aware",
        )
        return Session(follower, config)


def newest(session: Session) -> dict[int, tuple[Tensor, Tensor, Tensor]]:
    """Logits, scores and pointer of every object on the newest frame."""
    bank, frame_idx = session._follower._bank, session.newest_frame_idx
    found = {}
    for object_id, tracked in session._tracks.by_id.items():
        logits, scores = bank.predictions([tracked.slot], frame_idx)
        pointer = bank._pointers[tracked.slot.slot, tracked.slot.pointers[frame_idx]].clone()
        found[object_id] = logits, scores, pointer
    return found


def busy_stream(
    session: Session, images: Sequence[Image]
) -> Iterator[dict[int, tuple[Tensor, Tensor, Tensor]]]:
    """Objects come at different times, one is corrected on a past frame, one is hidden, one goes."""
    session.add(1, points=[(100, 80)])
    for index, image in enumerate(images[:26]):
        if index in (2, 7):
            session.add(index, points=[(190 - index, 85 + index)])
        session.step(NO_IMAGE if index in (11, 12) else image)
        if index == 16:
            session.correct(1, points=[(128, 80)], at_frame=14)
        if index == 20:
            session.remove(2)
        yield newest(session)


def test_filled_up_batches_find_what_exact_batches_find(network: Network, images: Sequence[Image]) -> None:
    exact, filled = Recorded(network, fixed_shapes=False), Recorded(network)
    pairs = zip(busy_stream(exact.session(), images), busy_stream(filled.session(), images), strict=True)
    seen = 0
    for ours, theirs in pairs:
        assert ours.keys() == theirs.keys()
        for object_id, parts in ours.items():
            for part, expected in zip(parts, theirs[object_id], strict=True):
                # The same sums in another order, and memory features that are rounded to bfloat16 (3 digits)
                # feed them back; logits reach +-30.
                torch.testing.assert_close(part, expected, atol=5e-3, rtol=1e-3)
                seen += 1
    assert seen > 100, "next to nothing was compared"
    assert len(exact.shapes) > 15  # a filling memory meets ever new shapes
    assert set(filled.shapes) == {(1, 7, 16), (2, 7, 16), (4, 7, 16), (1, 8, 17), (4, 8, 17), (2, 8, 17)}


def long_stream(session: Session, images: Sequence[Image], num_frames: int) -> None:
    """Two objects within the first capacity: one from the start and corrected once, one that comes and goes
    again and again; both are hidden for a while."""
    session.add(1, points=[(100, 80)])
    for index in range(num_frames):
        if index % 20 == 3:
            session.add(2, points=[(150, 90)])
        if index % 20 == 12:
            session.remove(2)
        session.step(NO_IMAGE if index % 20 in (8, 9) else images[index % len(images)])
        if index == 2:
            session.correct(1, points=[(104, 80)])


@pytest.mark.usefixtures("fresh_dynamo")
def test_step_is_one_graph_and_compiled_once_for_each_shape(
    network: Network, images: Sequence[Image]
) -> None:
    counter = counting("eager")
    compiled = torch.compile(follow_no_sync, backend=counter, fullgraph=True, dynamic=False)
    runner = Recorded(network, compiled)
    long_stream(runner.session(), images, 6)  # every shape
    shapes, compilations = set(runner.shapes), counter.frame_count
    assert compilations == len(shapes)
    assert shapes == {(1, 7, 16), (1, 8, 17), (2, 8, 17)}

    long_stream(runner.session(), images, 45)  # everything comes twice more
    assert counter.frame_count == compilations
    assert set(runner.shapes) == shapes
    assert not torch._dynamo.utils.counters["graph_break"]
    for graph in counter.graphs:
        assert_static(graph)


@pytest.mark.usefixtures("fresh_dynamo")
def test_calls_traced_by_aot_autograd_find_the_same(
    network: Network, images: Sequence[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = counting("aot_eager")
    results = []
    for compiled in (None, JustInTimeCalls(network, counter)):
        monkeypatch.setattr(network, "compiled", compiled)
        session = Recorded(network).session()
        session.add(1, points=[(100, 80)])
        for image in images[:4]:
            session.step(image)
        results.append(newest(session)[1])
    for part, expected in zip(*results, strict=True):
        torch.testing.assert_close(part, expected, atol=5e-3, rtol=1e-3)  # as above
    assert counter.frame_count == 2  # the encoder, and a step of one object
    assert not torch._dynamo.utils.counters["graph_break"]


@pytest.mark.usefixtures("fresh_dynamo")
def test_step_that_is_told_where_objects_are_expected_is_compiled_as_well(
    network: Network, images: Sequence[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    counter, config = counting("eager"), CONFIG.model_copy(update={"memory": "motion_aware"})
    results = []
    for compiled in (None, JustInTimeCalls(network, counter)):
        monkeypatch.setattr(network, "compiled", compiled)
        runner = Recorded(network)
        session = runner.session(config)
        session.add(1, points=[(100, 80)])
        for image in images[:20]:
            session.step(image)
        tracked = session._tracks.by_id[1]
        assert tracked.slot.expected is not None
        assert tracked.slot.expected[4] > 0, "its motion has no say yet"
        results.append(newest(session)[1])
    for part, expected in zip(*results, strict=True):
        torch.testing.assert_close(part, expected, atol=5e-3, rtol=1e-3)  # as above
    assert counter.frame_count == 2  # the encoder, and a step of one object, told or not
    assert not torch._dynamo.utils.counters["graph_break"]


@pytest.mark.usefixtures("fresh_dynamo")
def test_encoder_is_one_graph(network: Network, images: Sequence[Image]) -> None:
    counter = counting("eager")
    compiled = torch.compile(network.encode, backend=counter, fullgraph=True, dynamic=False)
    with torch.inference_mode():
        for image in images[:3]:
            square = to_input(image, (SIZE, SIZE), network.device)
            for part, expected in zip(
                compiled(square).tensors(), network.encode(square).tensors(), strict=True
            ):
                torch.testing.assert_close(part, expected, atol=1e-4, rtol=1e-4)  # sums in another order
    assert counter.frame_count == 1
    assert not torch._dynamo.utils.counters["graph_break"]
    assert_static(counter.graphs[0])


def assert_static(graph: torch.fx.GraphModule) -> None:
    """Every tensor inside has a shape of numbers, none that is known only at run time."""
    num_tensors = 0
    for node in graph.graph.nodes:
        value = node.meta.get("example_value")
        for tensor in value if isinstance(value, tuple | list) else [value]:
            if isinstance(tensor, Tensor):
                assert all(type(length) is int for length in tensor.shape), f"{node} is {tensor.shape}"
                num_tensors += 1
    assert num_tensors > 50, "next to nothing was traced"


def test_step_of_fixed_shapes_does_not_wait_for_the_device(network: Network, images: Sequence[Image]) -> None:
    def trapped(*args: Any) -> None:
        with trap_syncs():
            follow_no_sync(*args)

    runner = Recorded(network, trapped)
    for _ in busy_stream(runner.session(), images):
        pass
    assert runner.shapes.total() > 25, "the stream was hardly followed"


class Rerun:
    """Stands for a device's capture: its replay runs the captured function again, on the same tensors."""

    def __init__(self) -> None:
        self.num_captures = 0

    def __call__(self, run: Any) -> Any:
        self.num_captures += 1
        run()  # warming up must not change what the replay finds
        return run


def test_captured_steps_read_only_tensors_that_stay(network: Network, images: Sequence[Image]) -> None:
    capture, plain = Rerun(), Recorded(network)
    graphed = GraphedFollow(capture)
    captured = Recorded(network, graphed)
    pairs = zip(busy_stream(captured.session(), images), busy_stream(plain.session(), images), strict=True)
    for ours, theirs in pairs:
        for object_id, parts in ours.items():
            for part, expected in zip(parts, theirs[object_id], strict=True):
                assert torch.equal(part, expected)
    # the bank grew from 2 to 4 objects: what was captured before is void, and captured again where it recurs
    assert capture.num_captures == len(plain.shapes)
    assert set(graphed.shapes) == set(plain.shapes) - {(1, 7, 16), (2, 7, 16)}


def test_rarest_graph_goes_when_there_are_too_many(network: Network, images: Sequence[Image]) -> None:
    capture = Rerun()
    graphed = GraphedFollow(capture, max_graphs=1)
    session = Recorded(network, graphed).session()
    session.add(1, points=[(100, 80)])
    for index, image in enumerate(images[:6]):
        if index == 2:
            session.add(2, points=[(190, 85)])
        if index == 4:
            session.remove(2)
        session.step(image)
        assert len(graphed.shapes) <= 1
    assert capture.num_captures == 3
    assert graphed.shapes == ((1, 7, 16),)


def test_captured_encoder_hands_out_features_that_stay(network: Network, images: Sequence[Image]) -> None:
    capture = Rerun()
    encode = GraphedEncode(network, capture)
    with torch.inference_mode():
        squares = [to_input(image, (SIZE, SIZE), network.device) for image in images[:3]]
        encoded = [encode(square) for square in squares]
        for square, features in zip(squares, encoded, strict=True):
            for part, expected in zip(features.tensors(), network.encode(square).tensors(), strict=True):
                assert torch.equal(part, expected)
    assert capture.num_captures == 1
