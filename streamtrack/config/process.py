"""`process`: when a server counts as dead or hung, and when it is started again (`serve --supervise`)."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from streamtrack.config.section import Section


class ProcessConfig(Section):
    """Read by the process that watches, once; a change takes effect with its next start."""

    hung_after_s: float = Field(20.0, ge=2.0, le=3600.0)
    """A server that gave no sign of life for so long is ended and started again. It gives one every second,
    while its event loop turns and the watch over each stream does. systemd's `WatchdogSec` is its own."""
    start_timeout_s: float = Field(600.0, ge=10.0, le=86_400.0)
    """The same until the model is loaded, which may compile for minutes."""
    restart_initial_s: float = Field(0.2, ge=0.0, le=3600.0)
    """Wait before a server that died is started again; doubled at each death in a row."""
    restart_max_s: float = Field(30.0, ge=0.0, le=3600.0)
    """The longest such wait."""
    sound_after_s: float = Field(60.0, ge=1.0, le=86_400.0)
    """A server that ran for so long counts as sound: its death is the first of its row."""
    give_up_after: int = Field(10, ge=1, le=1000)
    """Deaths in a row after which it is not started again, and the watching process ends with its code."""

    standby: bool = True
    """Keep a second process that has everything imported and waits: where the server dies, it takes over in a
    second or two in place of four or five. It costs some 300 MB of memory, and no time."""

    @model_validator(mode="after")
    def _waits_rise(self) -> Self:
        if self.restart_max_s < self.restart_initial_s:
            raise ValueError(
                f"restart_max_s is {self.restart_max_s:g}, expected restart_initial_s "
                f"({self.restart_initial_s:g}) or more"
            )
        return self
