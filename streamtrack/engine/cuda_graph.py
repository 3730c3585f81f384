"""The step as a CUDA graph: recorded once for each of its few shapes, then replayed with one launch.

A graph reads and writes the addresses that it was recorded with. So what changes from frame to frame is
copied into buffers that stay (the features, the index of the bank), and everything is recorded anew once the
bank has grown. Recording runs the step for warming up; that is harmless, as a step never reads what it
writes and so can be repeated.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from streamtrack.engine.memory_bank import MemoryBank
from streamtrack.engine.places import Places
from streamtrack.engine.step import Follow, follow_no_sync
from streamtrack.model.interface import FrameFeatures, Network
from streamtrack.model.tensor_layout import refill

MAX_GRAPHS = 24
"""Graphs of one session; 1 to 16 objects with 1 to 4 conditioning frames are 20 shapes."""
WARM_UP_RUNS = 3
"""Runs before a recording, in which kernels are compiled and chosen and libraries allocate."""

Capture = Callable[[Callable[[], None]], Callable[[], None]]
"""From a function over tensors that stay to one that does the same again, faster."""


class GraphCapture:
    """Records into a memory pool and on a stream of its own.

    Graphs of one pool must not run at the same time, and neither must graphs recorded on one stream: they
    share a matrix library's workspace. The encoder and the follow step do run at the same time, so each has
    its own.
    """

    def __init__(self, device: torch.device) -> None:
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, run: Callable[[], None]) -> Callable[[], None]:
        """Warm `run` up and record it; the answer replays it on the stream that is then current."""
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream), _uncached_autocast():
            for _ in range(WARM_UP_RUNS):
                run()
        graph = torch.cuda.CUDAGraph()
        # thread_local: other threads may go on to use the device while this one records.
        with (
            torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"),
            _uncached_autocast(),
        ):
            run()
        torch.cuda.current_stream().wait_stream(self._stream)
        return graph.replay


class GraphedFollow:
    """`follow_no_sync` replayed; for one session, whose features have one shape.

    Args:
        capture: how a shape is recorded.
        max_graphs: shapes kept; the one that was not used for longest goes first.
    """

    def __init__(
        self, capture: Capture, follow: Follow = follow_no_sync, *, max_graphs: int = MAX_GRAPHS
    ) -> None:
        self._capture = capture
        self._follow = follow
        self._max_graphs = max_graphs
        self._graphs: OrderedDict[tuple[int, int, int], _Graph] = OrderedDict()
        self._allocation = -1
        self._features: FrameFeatures | None = None

    @property
    def shapes(self) -> tuple[tuple[int, int, int], ...]:
        """Objects, memory frames and object pointers of each graph kept."""
        return tuple(self._graphs)

    def __call__(self, network: Network, bank: MemoryBank, features: FrameFeatures, places: Places) -> None:
        """As `follow_no_sync`, of places that are filled up to a fixed shape."""
        if bank.allocation != self._allocation:
            self._graphs.clear()
            self._allocation = bank.allocation
        if self._features is None:
            self._features = copy_features(features)
        else:
            for kept, new in zip(self._features.tensors(), features.tensors(), strict=True):
                refill(kept, new, "features of a captured step")
        shape = places.index.shape[0], places.num_frames, places.num_pointers
        graph = self._graphs.get(shape)
        if graph is None:
            graph = self._record(network, bank, places)
            self._graphs[shape] = graph
            if len(self._graphs) > self._max_graphs:
                self._graphs.popitem(last=False)
        else:
            graph.index.copy_(places.index)
        self._graphs.move_to_end(shape)
        graph.replay()

    def _record(self, network: Network, bank: MemoryBank, places: Places) -> _Graph:
        features = self._features
        assert features is not None
        kept = replace(places, index=places.index.clone())

        def step() -> None:
            self._follow(network, bank, features, kept)

        return _Graph(kept.index, self._capture(step))


class GraphedEncode:
    """`Network.encode` replayed; its input has one shape."""

    def __init__(self, network: Network, capture: Capture) -> None:
        self._network = network
        self._capture = capture
        self._image: Tensor | None = None
        self._features: FrameFeatures | None = None
        self._replay: Callable[[], None] | None = None

    def __call__(self, image: Tensor) -> FrameFeatures:
        """As `Network.encode`; the features are the caller's to keep."""
        if self._image is None or self._replay is None:
            self._image = image.clone()
            self._replay = self._capture(self._encode)
        else:
            refill(self._image, image, "image of a captured encoder")
        self._replay()
        assert self._features is not None
        return copy_features(self._features)

    def _encode(self) -> None:
        assert self._image is not None
        self._features = self._network.encode(self._image)


@dataclass(frozen=True, slots=True)
class _Graph:
    """The step of one shape."""

    index: Tensor
    """`Places.index` that it reads."""
    replay: Callable[[], None]


def copy_features(features: FrameFeatures) -> FrameFeatures:
    """The same numbers in tensors of their own, laid out alike."""
    return features.like([part.clone() for part in features.tensors()])


def _uncached_autocast() -> torch.autocast:
    """The autocast that is on, without its cache: a graph must not read a cast weight that is freed as soon
    as the frame is done."""
    return torch.autocast(
        "cuda",
        dtype=torch.get_autocast_dtype("cuda"),
        enabled=torch.is_autocast_enabled("cuda"),
        cache_enabled=False,
    )
