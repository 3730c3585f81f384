"""What a user says of an object: one form, which every endpoint makes and the session takes. numpy only.

Whatever a caller has at hand is taken where its meaning is clear: tuples, lists, generators, numpy arrays,
torch tensors on any device (as SAM 2's notebooks and transformers' processors hand them out). What is not
clear is refused in one line.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from itertools import islice
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streamtrack.errors import PromptError, ShapeError
from streamtrack.frame import BoolMask

MAX_OBJECT_ID = 2**31 - 1
MAX_POINTS = 10_000
"""Points in one prompt; bounds what a generator can cost."""
MAX_SHOWN = 80
"""Characters of a value that an error repeats."""

NOT_AN_ARRAY = (TypeError, ValueError, OverflowError, RuntimeError)
"""What numpy and torch raise for what is none: a list that holds itself, a tensor without storage, ..."""

Values = ArrayLike | Iterable[Any]
"""Numbers in any container that keeps their order."""


@dataclass(frozen=True, slots=True, eq=False, init=False)
class Prompt:
    """Points, a box, a box and points, or a mask, for one object on one frame.

    Coordinates are in pixels of the frame. Whether they fit the frame is checked when it is known.
    """

    object_id: int
    """The caller's name for the object, 0 to 2**31 - 1."""
    points: NDArray[np.float32]
    """(P, 2) x, y; (0, 2) where there are none."""
    labels: NDArray[np.int32]
    """(P,): 1 on the object, 0 off it."""
    box: NDArray[np.float32] | None
    """(4,) x0, y0, x1, y1."""
    mask: BoolMask | None
    """(H, W) bool, the size of the frame."""
    label: str
    """What a person calls the object; may be empty."""
    at_frame: int | None
    """The tracked frame that it is for; None: the next one for a new object, the newest for a correction."""

    def __init__(
        self,
        object_id: SupportsIndex,
        points: Values | None = None,
        labels: Values | None = None,
        box: Values | None = None,
        mask: ArrayLike | None = None,
        label: str = "",
        at_frame: SupportsIndex | float | None = None,
    ) -> None:
        """Take a prompt in whatever containers the caller has.

        Args:
            object_id: an integer of Python, numpy or torch.
            points: (P, 2), or one point (2,).
            labels: one for each point, or one number for all of them; all 1 where left out.
            box: (4,), (1, 4) or two corners (2, 2).
            mask: (H, W) or (1, H, W): bool, or integers that are 0 or one other value.
            at_frame: an integral number.
        Raises:
            PromptError: an id, number or label that cannot be meant, or labels that do not match the points.
            ShapeError: a mask that is no two-valued picture.
        """
        known_id = check_object_id(object_id)
        who = f"object {known_id}"
        coords = _as_points(who, points)
        fields = {
            "object_id": known_id,
            "points": coords,
            "labels": _as_labels(who, labels, len(coords)),
            "box": _as_box(who, box),
            "mask": None if mask is None else _as_mask(who, mask),
            "label": check_label(label, who),
            "at_frame": None if at_frame is None else check_frame_idx(at_frame, who),
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    @property
    def is_empty(self) -> bool:
        """True where it names no pixel at all."""
        return len(self.points) == 0 and self.box is None and self.mask is None


def check_object_id(value: object) -> int:
    """An object's id as an int.

    Raises:
        PromptError: not an integer (a bool, float or text is none), or out of range.
    """
    try:
        number = None if isinstance(value, bool | np.bool_) else operator.index(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError):  # a tensor of many numbers, or of floats
        number = None
    if number is None:
        raise PromptError(f"object_id is {_show(value)}, expected an integer from 0 to {MAX_OBJECT_ID}")
    if not 0 <= number <= MAX_OBJECT_ID:
        raise PromptError(f"object_id is {number}, expected an integer from 0 to {MAX_OBJECT_ID}")
    return number


def check_frame_idx(value: object, who: str = "at_frame") -> int:
    """A frame's index as an int; an integral float is one, as tables and JSON hand them out.

    Raises:
        PromptError: not an integral number.
    """
    named = who if who == "at_frame" else f"{who}: at_frame"
    return check_index(value, named, "the index of a frame, an integer")


def check_index(value: object, named: str, expected: str = "an integer") -> int:
    """A place in a row as an int.

    Raises:
        PromptError: not an integral number; it begins with `named`.
    """
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return int(value)
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        return operator.index(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError):
        raise PromptError(f"{named} is {_show(value)}, expected {expected}") from None


def _as_points(who: str, points: object) -> NDArray[np.float32]:
    coords = _as_floats(who, "points", points)
    if coords.size == 0 and coords.ndim <= 2:
        return np.zeros((0, 2), np.float32)
    if coords.shape == (2,):
        coords = coords[None]
    if coords.ndim != 2 or coords.shape[1] != 2:
        raise PromptError(f"{who}: points have shape {coords.shape}, expected (P, 2)")
    if len(coords) > MAX_POINTS:
        raise PromptError(f"{who}: more than {MAX_POINTS} points, expected at most that many")
    return coords


def _as_labels(who: str, labels: object, num_points: int) -> NDArray[np.int32]:
    if labels is None:
        return np.ones(num_points, np.int32)
    numbers = _as_array(who, "labels", labels)
    if numbers.ndim == 0 and num_points:
        numbers = np.repeat(numbers, num_points)
    elif numbers.ndim == 0:
        numbers = numbers[None]
    if numbers.ndim != 1:
        raise PromptError(f"{who}: labels have shape {numbers.shape}, expected ({num_points},)")
    if len(numbers) != num_points:
        raise PromptError(f"{who}: {len(numbers)} labels for {num_points} points, expected one each")
    for index, label in enumerate(numbers.tolist()):
        if label not in (0, 1):
            raise PromptError(
                f"{who}: label {index} is {_show(label)}, expected 1 (on the object) or 0 (off it)"
            )
    return numbers.astype(np.int32)


def _as_box(who: str, box: object) -> NDArray[np.float32] | None:
    if box is None:
        return None
    corners = _as_floats(who, "box", box)
    if corners.shape not in ((4,), (1, 4), (2, 2)):
        raise PromptError(f"{who}: box has shape {corners.shape}, expected x0, y0, x1, y1")
    return corners.reshape(4)


def _as_mask(who: str, mask: object) -> BoolMask:
    try:
        array = np.asarray(_on_host(mask))
    except NOT_AN_ARRAY as error:
        raise ShapeError(f"{who}: mask is {type(mask).__name__}, expected (H, W) bool") from error
    while array.ndim > 2 and array.shape[0] == 1:
        array = array[0]
    if array.ndim != 2:
        raise ShapeError(f"{who}: mask has shape {array.shape}, expected (H, W)")
    if array.dtype == np.bool_:
        return array.copy()  # the caller's array may change before the prompt is applied
    if not np.issubdtype(array.dtype, np.integer):
        raise ShapeError(f"{who}: mask has dtype {array.dtype}, expected bool")
    on: BoolMask = array != 0
    if on.any() and (array[on] != array.max(where=on, initial=array[on][0])).any():
        raise ShapeError(
            f"{who}: mask holds several values beside 0, expected 0 and one other; cut it at a threshold"
        )
    return on


def check_label(label: object, who: str) -> str:
    """What a person calls an object.

    Raises:
        PromptError: not text, or halves of characters, which no file and no message can hold.
    """
    if not isinstance(label, str) or any("\ud800" <= character <= "\udfff" for character in label):
        raise PromptError(f"{who}: label is {_show(label)}, expected text")
    return str(label)


def _as_floats(who: str, what: str, values: object) -> NDArray[np.float32]:
    if values is None:
        return np.zeros((0,), np.float32)
    array = _as_array(who, what, values)
    if array.dtype == np.bool_:
        raise PromptError(f"{who}: {what} are {_show(array.tolist())}, expected pixels, not true or false")
    with np.errstate(over="ignore"):  # a double beyond float32 becomes infinite, and is refused as such
        floats = array.astype(np.float32)
    if not np.isfinite(floats).all():
        raise PromptError(f"{who}: {what} are {_show(array.tolist())}, expected finite numbers")
    return floats


def _as_array(who: str, what: str, values: object) -> NDArray[Any]:
    """Plain numbers in an array, its dtype bool, integer or float."""
    try:
        array = np.asarray(_on_host(values))
    except NOT_AN_ARRAY as error:
        raise PromptError(f"{who}: {what} are {_show(values)}, expected numbers") from error
    if array.size == 0 or array.dtype.kind in "buif":
        return array
    raise PromptError(f"{who}: {what} are {_show(values)}, expected numbers")


def _on_host(values: Any) -> Any:
    """Lists of numbers or arrays, whatever the numbers lay in: on a GPU, in a tensor, behind a generator."""
    if hasattr(values, "detach"):  # a torch tensor; numpy has no bfloat16
        tensor = values.detach().cpu()
        return (tensor.float() if tensor.is_floating_point() else tensor).numpy()
    if isinstance(values, str | bytes | Mapping | Set):  # no numbers, or in no order
        raise TypeError
    if isinstance(values, list | tuple):
        return [_on_host(value) for value in values]
    if hasattr(values, "__array__") or not isinstance(values, Iterable):
        return values
    return [_on_host(value) for value in islice(values, MAX_POINTS + 1)]


def _show(value: object) -> str:
    try:
        shown = " ".join(repr(value).split())  # an array's goes over several lines
    except Exception:  # whatever the value's own code raises, the refusal counts
        shown = type(value).__name__
    return shown if len(shown) <= MAX_SHOWN else shown[:MAX_SHOWN] + "…"
