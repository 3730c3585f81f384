"""Topics and payloads: a stream's zones and lines as Home Assistant finds them by itself. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any
from zlib import crc32

from streamtrack import __version__
from streamtrack.config import MqttConfig
from streamtrack.rules.state import RuleState

Message = tuple[str, bytes]
"""Topic and payload; an empty payload takes a retained message away."""
COUNTS = {"zone": ("inside", "entered", "left"), "line": ("forward", "backward")}
"""What is counted, each a sensor; `inside` is how many are there now, the others only rise."""


def availability_topic(config: MqttConfig) -> str:
    """Where `online` and `offline` stand."""
    return f"{config.topic}/status"


def events_topic(config: MqttConfig, stream: str) -> str:
    """Where a stream's events come, one message each."""
    return f"{config.topic}/{slug(stream)}/events"


def state_messages(config: MqttConfig, stream: str, states: Sequence[RuleState]) -> Iterator[Message]:
    """What each rule counts now; all of it is retained."""
    for state in states:
        place = _place(config, stream, state.name)
        if state.kind == "zone":
            yield f"{place}/occupied", b"ON" if state.inside else b"OFF"
        for what in COUNTS[state.kind]:
            number = len(state.inside) if what == "inside" else getattr(state, what)
            yield f"{place}/{what}", str(number).encode()


def discovery_messages(config: MqttConfig, stream: str, states: Sequence[RuleState]) -> Iterator[Message]:
    """What tells Home Assistant of the rules; all of it is retained."""
    if config.discovery is None:
        return
    for state in states:
        place, unique = _place(config, stream, state.name), _unique(config, stream, state.name)
        common = {
            "availability_topic": availability_topic(config),
            "device": {
                "identifiers": [f"{slug(config.topic)}_{slug(stream)}"],
                "name": f"streamtrack {stream}",
                "manufacturer": "streamtrack",
                "sw_version": __version__,
            },
        }
        if state.kind == "zone":
            occupied = {
                "name": state.name,
                "unique_id": f"{unique}_occupied",
                "device_class": "occupancy",
                "state_topic": f"{place}/occupied",
                "payload_on": "ON",
                "payload_off": "OFF",
            }
            topic = f"{config.discovery}/binary_sensor/{unique}_occupied/config"
            yield topic, _json(common | occupied)
        for what in COUNTS[state.kind]:
            sensor = {
                "name": f"{state.name} {what}",
                "unique_id": f"{unique}_{what}",
                "state_topic": f"{place}/{what}",
                "state_class": "measurement" if what == "inside" else "total_increasing",
            }
            yield f"{config.discovery}/sensor/{unique}_{what}/config", _json(common | sensor)


def slug(name: str) -> str:
    """A name as topics and ids take it; two names never have one."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", name)
    return plain if plain == name else f"{plain}_{crc32(name.encode()):08x}"


def _place(config: MqttConfig, stream: str, rule: str) -> str:
    return f"{config.topic}/{slug(stream)}/{slug(rule)}"


def _unique(config: MqttConfig, stream: str, rule: str) -> str:
    return "_".join(map(slug, (config.topic, stream, rule)))


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
