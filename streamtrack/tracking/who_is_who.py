"""Who is who on a frame that was just followed, where memory is choosy: look-alikes are told apart, who
cannot be the object is refused, and who hides is looked for where it must be."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from streamtrack.engine.follower import Follower
from streamtrack.frame import ObjectMask
from streamtrack.tracking.claims import contested, in_one_place
from streamtrack.tracking.kalman import Box
from streamtrack.tracking.object_masks import ObjectMasks
from streamtrack.tracking.object_replay import ObjectReplay
from streamtrack.tracking.telling_apart import look_again
from streamtrack.tracking.tracked_object import TrackedObject


@dataclass(frozen=True, slots=True, eq=False)
class WhoIsWho:
    """What a frame shows once everybody was looked for."""

    masks: dict[int, ObjectMask]
    changed: bool
    """What was downloaded before is not valid any more."""
    worse: set[int]
    """Objects whose place another one claims with a better mask."""
    strangers: Mapping[int, Box]
    """Who showed in place of an object, and cannot be it."""


def tell_who_is_who(
    follower: Follower,
    replay: ObjectReplay,
    reader: ObjectMasks,
    tracked: Mapping[int, TrackedObject],
    followed: Collection[TrackedObject],
    masks: Mapping[int, ObjectMask],
    key: int,
    carried: Collection[int] = (),
) -> WhoIsWho:
    """Look again at the newest key frame.

    Args:
        reader: of masks.
        tracked: every object; `followed` are those that were followed onto the frame.
        masks: as they were found.
        carried: objects whose masks flow brought to the frame: the network did not look at them.
    """
    told = dict(masks)
    meeting = in_one_place(told) - set(carried)
    for one in sorted(meeting):
        apart = look_again(follower, tracked[one], told[one], key)
        if apart is not None:
            told |= reader.build({one: apart}, told[one].frame_size)
    looked = {one.object_id: replay.find_again(one, told[one.object_id], key) for one in followed}
    again = {one: what for one, what in looked.items() if what is not None}
    told |= {one: mask for one, (_, mask, _) in again.items()}
    strangers = {one: stranger for one, (_, _, stranger) in again.items() if stranger is not None}
    return WhoIsWho(told, bool(meeting or again), contested(told), strangers)
