"""Zones and lines over a film: the same rules as on a live stream, their events among the film's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from streamtrack.config import RulesConfig
from streamtrack.errors import ConfigError
from streamtrack.frame import Update
from streamtrack.rules.desk import RulesDesk
from streamtrack.rules.state import DrawnRule, RuleState


class FilmRules:
    """The rules of one run over a film."""

    def __init__(self, config: RulesConfig) -> None:
        """
        Raises:
            ConfigError: `rules.file` is not there or cannot be read, or has a name that the config has too.
        """
        if config.file is not None and not config.file.is_file():
            raise ConfigError(f"{config.file}: no such file, expected a file of rules (docs/rules.md)")
        # A line of text is no place for pictures; the film is at hand.
        self._desk = RulesDesk("film", config.model_copy(update={"thumbnail_px": 0}))

    def told(self, updates: Iterator[Update | None]) -> Iterator[Update | None]:
        """The same updates, each with what the rules tell of its frame behind its own events."""
        for update in updates:
            events = () if update is None else self._desk.take(update)
            yield replace(update, events=(*update.events, *events)) if update and events else update

    def drawn(self) -> tuple[DrawnRule, ...]:
        """Every rule in force as the newest frame's picture shows it."""
        return self._desk.drawn()

    def notes(self) -> tuple[str, ...]:
        """A line a rule: what it counted, or why it did not."""
        return tuple(_note(rule.state, rule.rule.model_dump()) for rule in self._desk.rules())


def _note(state: RuleState, rule: dict[str, object]) -> str:
    if state.fault is not None:
        return f"rule {state.name}: {state.fault}"
    if state.kind == "zone":
        return f"{state.name}: {state.entered} entered, {state.left} left"
    return f"{state.name}: {state.forward} {rule['forward']}, {state.backward} {rule['backward']}"
