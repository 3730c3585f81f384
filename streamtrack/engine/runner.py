"""How a session's tensor work is run on its device: the one place that tells devices apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from streamtrack.engine.cuda_graph import GraphCapture, GraphedEncode, GraphedFollow
from streamtrack.engine.preprocess import resize_pixels, to_input
from streamtrack.engine.staging import Download, FrameUpload
from streamtrack.engine.step import Follow, follow_no_sync
from streamtrack.engine.view import View
from streamtrack.frame import Image
from streamtrack.model.interface import FrameFeatures, Network

FRAMES_AHEAD = 2
"""The frame that `step` takes next and the one after it."""


class StepRunner(Protocol):
    """What a session asks of its device. Calls come under inference mode and the session's autocast."""

    fixed_shapes: bool
    """Whether `follow` wants batches of few shapes, see `Batching`."""
    follow: Follow
    """`follow_no_sync`, or a faster form of it."""

    def encode(self, image: Image, view: View | None = None) -> FrameFeatures:
        """Encode a frame, or take what `encode_ahead` made of it; or encode a window of it."""

    def encode_ahead(self, image: Image) -> None:
        """Start to encode a frame that comes soon."""

    def download(self, *tensors: Tensor) -> tuple[NDArray[np.float32], ...]:
        """float32 tensors as arrays, valid until the next call; waits for the device."""


def make_runner(network: Network, *, graphs: bool) -> StepRunner:
    """The way that fits the network's device.

    Args:
        graphs: replay CUDA graphs; without effect on other devices.
    """
    return CudaRunner(network, graphs=graphs) if network.device.type == "cuda" else EagerRunner(network)


class EagerRunner:
    """One call after the other."""

    fixed_shapes = False

    def __init__(self, network: Network) -> None:
        self._network = network
        self.follow: Follow = follow_no_sync

    def encode(self, image: Image, view: View | None = None) -> FrameFeatures:
        network = self._network
        image = image if view is None else view.cut(image)
        return network.encode(to_input(image, network.geometry.input_size, network.device))

    def encode_ahead(self, image: Image) -> None:
        """Nothing: there is nothing that would run beside the step."""

    def download(self, *tensors: Tensor) -> tuple[NDArray[np.float32], ...]:
        return tuple(tensor.cpu().numpy() for tensor in tensors)


class CudaRunner:
    """Uploads and encodes on a stream of their own, so that a frame can be encoded while the one before it
    is tracked."""

    def __init__(self, network: Network, *, graphs: bool) -> None:
        device = network.device
        self._network = network
        self.fixed_shapes = graphs
        self.follow: Follow = GraphedFollow(GraphCapture(device)) if graphs else follow_no_sync
        self._encode: Callable[[Tensor], FrameFeatures] = (
            GraphedEncode(network, GraphCapture(device)) if graphs else network.encode
        )
        self._upload = FrameUpload(device)
        self.download = Download()
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._ahead: list[tuple[Image, FrameFeatures, torch.cuda.Event]] = []
        self._windowed: tuple[Image, Tensor] | None = None

    def encode_ahead(self, image: Image) -> None:
        """Launch the encoding beside whatever the current stream does."""
        if any(known is image for known, _, _ in self._ahead):
            return
        # A frame that never came to `step` goes without a word: it was only ever a guess.
        self._ahead = [*self._ahead[-(FRAMES_AHEAD - 1) :], self._launch(image)]

    def encode(self, image: Image, view: View | None = None) -> FrameFeatures:
        if view is not None:
            found = self._launch(image, view)
        else:
            found = next((entry for entry in self._ahead if entry[0] is image), None) or self._launch(image)
            self._ahead = [entry for entry in self._ahead if entry[0] is not image]
        _, features, encoded = found
        current = torch.cuda.current_stream()
        current.wait_event(encoded)
        for part in features.tensors():
            part.record_stream(current)  # made on one stream, used on another: not free before both are done
        return features

    def _launch(
        self, image: Image, view: View | None = None
    ) -> tuple[Image, FrameFeatures, torch.cuda.Event]:
        with torch.cuda.stream(self._stream):
            uploaded = self._upload(image) if view is None else view.cut_tensor(self._upload_once(image))
            pixels = resize_pixels(uploaded, self._network.geometry.input_size)
            features = self._encode(pixels)
            encoded = torch.cuda.Event()  # type: ignore[no-untyped-call]
            encoded.record()
        return image, features, encoded

    def _upload_once(self, image: Image) -> Tensor:
        """A picture of which several windows are looked at."""
        if self._windowed is None or self._windowed[0] is not image:
            self._windowed = image, self._upload(image)
        return self._windowed[1]
