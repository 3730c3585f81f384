"""Whether there is a picture that a command can be about."""

from __future__ import annotations

from streamtrack.clock import NS_PER_S
from streamtrack.control.commands import AddCommand, AnyCommand, CorrectCommand, StartOverCommand
from streamtrack.errors import StreamOfflineError
from streamtrack.ingest import SourceState
from streamtrack.pipeline.parts import StreamParts

NO_FRAME_SOON = frozenset({SourceState.OFFLINE, SourceState.ENDED, SourceState.FAILED, SourceState.STOPPED})
"""States in which a command does not wait for a first frame."""


def check_picture(parts: StreamParts, command: AnyCommand) -> None:
    """Refuse a prompt where there is no picture, or none that still shows what is there.

    Raises:
        StreamOfflineError: so it is.
    """
    if parts.state.failure is not None or parts.state.stall is not None:
        return  # the inbox says why
    newest = parts.state.newest
    if newest is None:
        if parts.source.state in NO_FRAME_SOON:
            raise StreamOfflineError(
                f"{parts.name}: the source is {parts.source.state} and no frame was tracked yet"
            )
        return
    away_s = parts.source_watch.away_s
    points_at_it = isinstance(command, AddCommand | CorrectCommand | StartOverCommand)
    if away_s is None or parts.state.paused or not points_at_it:
        return
    age_ns = parts.clock.monotonic_ns() - newest.frame.capture_monotonic_ns
    if age_ns > parts.limits.click_max_age_ms * NS_PER_S // 1000:
        raise StreamOfflineError(
            f"{parts.name}: the camera is away since {away_s:.0f} s; what you clicked is an old picture"
        )
