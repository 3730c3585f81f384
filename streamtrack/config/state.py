"""`state`: what of running streams is kept in `cameras.state_dir`, and for how long it is good."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from streamtrack.config.section import Section


class StateConfig(Section):
    """Objects with their memories, counts, pauses and snoozes, so that they outlive the process. Without
    `cameras.state_dir` nothing is kept."""

    resume_within_s: float = Field(300.0, ge=0, le=86_400.0)
    """A server that is back so soon goes on with the same objects, `uncertain` until they are confirmed.
    Later they are told as `expired`: how a scene looked an hour ago says little about it. 0: always later."""
    every_s: float = Field(1.0, ge=1.0, le=3600.0)
    """How often it is written at most. Longer wears a flash card less, and what is lost with the process is
    older."""
    key_file: Path | None = None
    """The key that seals passwords of cameras in the state folder, made where it is not there. null:
    `state.key` in the user's folder of settings (`~/.config/streamtrack`). `STREAMTRACK_STATE_KEY` of the
    environment, 16 characters at least, goes before it."""
