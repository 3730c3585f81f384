"""Which pictures of one stream there are to watch: each a view, drawn only while somebody watches it.

A view has a name, by which viewers ask for it (`?view=clean`), and makes the picture of a result. Everything
behind that (one encode a view and codec, viewers, bitrate, keyframes) is the same for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from streamtrack.config import AnnotateConfig
from streamtrack.errors import UnknownViewError
from streamtrack.frame import FrameResult, Image
from streamtrack.rules.state import DrawnRule
from streamtrack.video.draw import annotate, scale_picture
from streamtrack.video.follow_view import FollowView
from streamtrack.video.tag_layout import TagLayout

OVERLAY, CLEAN, SMALL, FOLLOW = "overlay", "clean", "small", "follow"
SMALL_WIDTH_PX = 320
"""Of a picture among many: cheap to draw, to send and to look at."""
MAX_NAME_CHARS = 40


class View(Protocol):
    """Makes one kind of picture. Used from one thread; may remember what it drew before."""

    def draw(self, result: FrameResult) -> Image:
        """(H, W, 3) uint8 RGB of a result, H and W even; viewers survive another size, at a keyframe's
        cost."""
        ...


@dataclass(frozen=True, slots=True)
class ViewSetting:
    """What a stream gives each of its views."""

    annotate: AnnotateConfig
    rules: Callable[[], Sequence[DrawnRule]] = tuple
    """The zones and lines to draw, with their counts of this moment."""


class OverlayView:
    """Masks, outlines, tags and rules drawn over the frame."""

    def __init__(self, setting: ViewSetting) -> None:
        self._setting = setting
        self._layout = TagLayout()

    def draw(self, result: FrameResult) -> Image:
        """The annotated picture."""
        return annotate(result, self._setting.annotate, self._layout, self._setting.rules())


class CleanView:
    """The frame as the camera gave it, at the annotated picture's size."""

    def __init__(self, setting: ViewSetting) -> None:
        self._max_width_px = setting.annotate.max_width_px

    def draw(self, result: FrameResult) -> Image:
        """The frame alone."""
        return scale_picture(result.frame.image, self._max_width_px)[0]


class SmallView:
    """The annotated picture, small and without words: for a grid of many streams."""

    def __init__(self, setting: ViewSetting) -> None:
        changes = {"max_width_px": SMALL_WIDTH_PX, "labels": False, "rules": False, "outline_px": 1}
        self._annotate = setting.annotate.model_copy(update=changes)

    def draw(self, result: FrameResult) -> Image:
        """The small picture."""
        return annotate(result, self._annotate)


ViewMaker = Callable[[ViewSetting, str], View]
"""From the stream's setting and what stands behind the colon of a name (`follow:7`), empty for most."""

VIEWS: dict[str, ViewMaker] = {
    OVERLAY: lambda setting, _: OverlayView(setting),
    CLEAN: lambda setting, _: CleanView(setting),
    SMALL: lambda setting, _: SmallView(setting),
    FOLLOW: lambda setting, object_id: FollowView(setting.annotate, int(object_id)),
}
"""Every kind of view, by its name up to the colon. A maker raises ValueError for what it cannot read."""


def make_view(name: str, setting: ViewSetting) -> View:
    """The view of a name.

    Raises:
        UnknownViewError: there is none.
    """
    kind, _, detail = name.partition(":")
    maker = VIEWS.get(kind)
    try:
        if maker is None:
            raise ValueError(kind)
        return maker(setting, detail)
    except ValueError:
        raise UnknownViewError(name[:MAX_NAME_CHARS], tuple(VIEWS)) from None


def object_of(name: str) -> int | None:
    """The object that a view is of; None where it is of the whole frame. The name is one that can be made."""
    kind, _, detail = name.partition(":")
    return int(detail) if kind == FOLLOW else None
