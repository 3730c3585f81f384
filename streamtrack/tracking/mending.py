"""What was found beside a session, by a detector, mends what it follows: an object goes on from a box, and
keeps its id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from streamtrack.prompt import Prompt, check_frame_idx
from streamtrack.tracking.frame_log import FrameLog
from streamtrack.tracking.object_prompts import ObjectPrompts, not_finite
from streamtrack.tracking.object_tracks import Mends, ObjectTracks


class ObjectMending:
    """Of one session; its `mending`."""

    def __init__(self, log: FrameLog, tracks: ObjectTracks, prompts: ObjectPrompts) -> None:
        self._log = log
        self._tracks = tracks
        self._prompts = prompts

    def mend(
        self,
        prompt: Prompt,
        at_frame: int | None = None,
        *,
        in_doubt_from: int | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> int:
        """Follow an object by what a prompt shows, whatever its mask was, from a kept frame on (None: the
        newest); returns that frame. Told by a `mended` event; `undo` takes no mending back.

        Args:
            in_doubt_from: the first frame on which the object may have been something else: what was
                remembered of it from there on is forgotten. None: nothing is.
            detail: of the event, plain values.
        Raises:
            PromptError, ShapeError, FrameExpiredError: as `Session.refine`.
        """
        at_frame = prompt.at_frame if at_frame is None else check_frame_idx(at_frame)
        at_frame = self._log.newest_frame_idx if at_frame is None else at_frame
        self._prompts.require_there(prompt.object_id, at_frame)
        checked, key = self._prompts.checked(prompt, at_frame, starts_object=False)
        mends = Mends(self._key_of(in_doubt_from, key), detail or {})
        anew = replace(checked, anew=True)
        if not self._tracks.correct(prompt.object_id, anew, key, at_frame, mends):
            raise not_finite(prompt.object_id, at_frame)
        return at_frame

    def _key_of(self, in_doubt_from: int | None, key: int) -> int:
        """The key from which on memory is in doubt."""
        if in_doubt_from is None:
            return key
        first = max(in_doubt_from, self._log.oldest_frame_idx)
        return key if first > self._log.newest_frame_idx else min(key, self._log.at(first).key)
