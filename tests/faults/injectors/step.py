"""A network that fails in the thread of one stream: raises, finds no memory, gives no numbers, or hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from enum import Enum
from typing import Any

import pytest
import torch

from tests.support.pipelines import SOON_S, nano

MORE_THAN_THERE_IS = 1 << 60
"""Bytes."""


class StepFault(Enum):
    """What the network does."""

    RAISE = "raises"
    OUT_OF_MEMORY = "finds no memory"
    """It really asks for more than there is."""
    NAN = "gives no numbers"
    HANG = "hangs"


class FaultyStep:
    """Stands before the network of `nano()`; one stream's steps go wrong while `wrong` lasts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, stream: str) -> None:
        self._thread_name = f"track-{stream}"
        self._fault: StepFault | None = None
        self._goes_on = threading.Event()
        self._goes_on.set()
        self.hung_s: float | None = None
        """When the first step began to hang, `time.monotonic`."""
        network = type(nano()._model.network)
        follow: Callable[..., Any] = network.follow

        def faulty_follow(*arguments: Any, **keys: Any) -> Any:
            if threading.current_thread().name != self._thread_name:
                return follow(*arguments, **keys)
            self._happen()
            prediction, memory = follow(*arguments, **keys)
            if self._fault is StepFault.NAN:
                return _without_numbers(prediction), memory * float("nan")
            return prediction, memory

        monkeypatch.setattr(network, "follow", faulty_follow)

    @contextmanager
    def wrong(self, fault: StepFault) -> Iterator[None]:
        """Every step of the stream goes wrong."""
        self._fault = fault
        if fault is StepFault.HANG:
            self._goes_on.clear()
        try:
            yield
        finally:
            self._fault = None
            self._goes_on.set()

    def _happen(self) -> None:
        if not self._goes_on.is_set() and self.hung_s is None:
            self.hung_s = time.monotonic()
        assert self._goes_on.wait(2 * SOON_S)
        if self._fault is StepFault.RAISE:
            raise RuntimeError("the network was made to fail")
        if self._fault is StepFault.OUT_OF_MEMORY:
            torch.empty(MORE_THAN_THERE_IS, dtype=torch.uint8)


def _without_numbers(prediction: Any) -> Any:
    spoilt = {
        field.name: value * float("nan")
        for field in fields(prediction)
        if isinstance(value := getattr(prediction, field.name), torch.Tensor)
    }
    return replace(prediction, **spoilt)
