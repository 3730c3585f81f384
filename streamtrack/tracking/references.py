"""An object's memory made of a picture that shows it.

Where windows are used it is remembered twice: in the whole picture, by which it is told from others wherever
it may be, and through its window, by which it is followed once it was found.
"""

from __future__ import annotations

from dataclasses import replace

from streamtrack.config import TrackingConfig
from streamtrack.engine.follower import Follower
from streamtrack.engine.found import Found
from streamtrack.engine.prompt_input import CheckedPrompt
from streamtrack.engine.view import View
from streamtrack.errors import NothingFoundError
from streamtrack.frame import Image, ObjectMask
from streamtrack.prompt import Prompt
from streamtrack.tracking.known_look import look_at
from streamtrack.tracking.looking import Looking
from streamtrack.tracking.memory_document import to_document
from streamtrack.tracking.memory_file import MemoryFile, ModelFacts, encode_memory
from streamtrack.tracking.memory_rules import Circumstances, make_memory_rules
from streamtrack.tracking.memory_watch import MemoryWatch
from streamtrack.tracking.prompts import check_prompt
from streamtrack.tracking.results import build_object
from streamtrack.tracking.tracked_object import TrackedObject

WHOLE, CLOSE = 0, 1
"""The frames as which the picture is remembered."""


def remember_picture(
    follower: Follower,
    looking: Looking,
    config: TrackingConfig,
    facts: ModelFacts,
    image: Image,
    prompt: Prompt,
) -> bytes:
    """The memory of what a prompt shows on a picture, (H, W, 3) uint8 RGB.

    Args:
        follower: a new one, whose history may be a single frame.
    Raises:
        PromptError, ShapeError: the prompt does not fit the picture.
        NothingFoundError: it shows nothing there.
    """
    size = image.shape[0], image.shape[1]
    checked = check_prompt(prompt, size, starts_object=True)
    follower.encode(WHOLE, image)
    slot = follower.open(WHOLE)
    rules = make_memory_rules(config)
    watch = None if rules is None else MemoryWatch(rules, config.history_frames)
    tracked = TrackedObject(prompt.object_id, prompt.label, slot, config, memory=watch)
    close = looking.first_look(follower, slot, WHOLE, checked)
    found = None if close is None else _mask(tracked, close.found, size)
    if close is None or found is None or not found.area_px:
        raise NothingFoundError("reference: nothing was found there, expected an object")
    newest = WHOLE
    if close.view is None:
        follower.remember(slot, close)
    else:
        # What was found closely says what it is in the whole as well.
        as_mask = replace(checked, mask=found.mask)
        whole = follower.look(slot, WHOLE, as_mask, corrects=False)
        if whole is not None:
            follower.remember(slot, whole)
        found = _remember_closely(follower, tracked, image, checked, close.view) or found
        newest = CLOSE
    known = look_at(follower, image, newest, close.found.low_res_mask_logits, close.view)
    tracked.judge(close.found, found, newest, known, Circumstances(prompted=True))
    tracked.update_state(found, newest, 0)
    file = MemoryFile(
        facts,
        prompt.object_id,
        prompt.label,
        follower.take_out(slot, newest + 1),
        tracked.standing(newest, 0),
        known,
        None if watch is None else to_document(watch, newest),
    )
    return encode_memory(file)


def _remember_closely(
    follower: Follower, tracked: TrackedObject, image: Image, checked: CheckedPrompt, view: View
) -> ObjectMask | None:
    follower.encode(CLOSE, image)
    look = follower.look(tracked.slot, CLOSE, checked, corrects=False, view=view, anew=True)
    if look is None:
        return None
    return _mask(tracked, follower.remember(tracked.slot, look).found, (image.shape[0], image.shape[1]))


def _mask(tracked: TrackedObject, found: Found, size: tuple[int, int]) -> ObjectMask:
    return build_object(tracked, found, size)
