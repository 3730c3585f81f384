"""`streams.N.supervision`: how patient a stream is with its own step, and how it comes back after a
failure."""

from __future__ import annotations

from pydantic import Field

from streamtrack.config.section import Section


class SupervisionConfig(Section):
    """When a step counts as hanging, and when a stream that failed is tried again."""

    step_timeout_ms: int = Field(5_000, ge=100)
    """A step is told as stalled after this long, or after 20 times the usual, whichever is longer. The other
    streams go on much earlier than that."""
    first_step_timeout_ms: int = Field(120_000, ge=100)
    """The same for steps that may still compile and allocate, and for commands with their fast-forward."""
    restart_initial_ms: int = Field(1_000, ge=1)
    """Wait before a stream that failed is started again; doubled at each failure in a row."""
    restart_max_ms: int = Field(4_000, ge=1)
    """The longest such wait: a stream whose trouble lasts for hours is back so soon after its end."""
    click_max_age_ms: int = Field(3_000, ge=0)
    """While the camera is away, prompts on a picture that is older than this are refused: what they meant is
    elsewhere by now."""
