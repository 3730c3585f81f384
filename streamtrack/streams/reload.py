"""What a config that was read again changes. Pure."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from streamtrack.config import Config, StreamConfig
from streamtrack.control.cameras import ReloadInfo
from streamtrack.errors import ConfigError

AT_ONCE = ("streams", "cameras")
"""Sections that take effect at once; the others are read when the server starts."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which streams end, begin, or begin anew."""

    config: Config
    """What is in force afterwards: the new streams, and of what takes effect later the old sections."""
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: tuple[str, ...]
    needs_restart: tuple[str, ...]

    @property
    def touched(self) -> frozenset[str]:
        """Streams that do not go on undisturbed."""
        return frozenset((*self.added, *self.changed, *self.removed))

    @property
    def to_make(self) -> tuple[StreamConfig, ...]:
        """Those that begin."""
        return tuple(one for one in self.config.streams if one.name in {*self.added, *self.changed})

    def told(self) -> ReloadInfo:
        """For whoever asked."""
        return ReloadInfo(
            added=self.added,
            changed=self.changed,
            removed=self.removed,
            unchanged=self.unchanged,
            needs_restart=self.needs_restart,
        )


def plan_reload(old: Config, new: Config, made: Container[str]) -> Plan:
    """From the config in force to another; both with presets filled in.

    Args:
        made: names of the streams that were added beside the config's.
    Raises:
        ConfigError: a name of the new config is one of those.
    """
    before = {stream.name: stream for stream in old.streams}
    after = {stream.name: stream for stream in new.streams}
    for name in after:
        if name in made:
            raise ConfigError(
                f"streams: the name {name} is that of a camera that was added, expected another"
            )
    later = tuple(
        key for key in type(old).model_fields if key not in AT_ONCE and getattr(old, key) != getattr(new, key)
    )
    # The state folder is open, and stays.
    kept_folder = old.cameras.state_dir
    if new.cameras.state_dir != kept_folder:
        later = (*later, "cameras.state_dir")
    cameras = new.cameras.model_copy(update={"state_dir": kept_folder})
    return Plan(
        old.model_copy(update={"streams": new.streams, "cameras": cameras}),
        added=tuple(name for name in after if name not in before),
        changed=tuple(name for name, one in after.items() if name in before and before[name] != one),
        removed=tuple(name for name in before if name not in after),
        unchanged=tuple(name for name, one in after.items() if before.get(name) == one),
        needs_restart=later,
    )
