"""Updates of a stream on the wire."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from streamtrack.client import EventSubscriber, MaskSubscriber
from streamtrack.frame import Event, EventKind, Update
from streamtrack.publish.masks_consumer import MasksConsumer
from streamtrack.publish.zmq_publisher import ZmqPublisher
from streamtrack.telemetry import Telemetry
from tests.support.masks import join, join_events
from tests.support.pipelines import SOON_S, publishing
from tests.support.video import result


@pytest.fixture
def doors() -> Iterator[tuple[ZmqPublisher, Telemetry]]:
    with publishing() as both:
        yield both


def test_masks_go_out_with_all_events_of_their_update_and_are_counted_once(
    doors: tuple[ZmqPublisher, Telemetry],
) -> None:
    publisher, telemetry = doors
    consumer = MasksConsumer(publisher, telemetry.stream("cam"), lambda: "nano")
    older, own = Event(EventKind.LOST, 3, 1), Event(EventKind.FOUND, 4, 1)
    with (
        MaskSubscriber(publisher.address, "cam") as masks,
        EventSubscriber(publisher.address, "cam") as events,
    ):
        join(publisher, masks, "cam")
        join_events(publisher, events, Event(EventKind.GAP, 0), "cam")
        consumer.take(Update("cam", result(4), events=(older, own)))
        consumer.take(Update("cam", result(4), revises=True))
        consumer.take(Update("cam", None, events=(Event(EventKind.PAUSED, 4),)))
        for _ in range(2):
            message = masks.receive(int(SOON_S * 1000))
            assert message is not None
            assert (message.frame_idx, message.model) == (4, "nano")
        told = [events.receive(int(SOON_S * 1000)) for _ in range(3)]
    assert [one.kind for one in told if one is not None] == ["lost", "found", "paused"]
    labels = {"stream": "cam", "stage": "capture_to_publish"}
    assert telemetry.registry.get_sample_value("streamtrack_stage_seconds_count", labels) == 1
