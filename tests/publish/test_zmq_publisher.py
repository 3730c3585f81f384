from __future__ import annotations

import hashlib
import socket
import statistics
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import zmq

from streamtrack.client import EventSubscriber, MaskSubscriber
from streamtrack.clock import FakeClock
from streamtrack.config import ZmqConfig
from streamtrack.errors import PublishError
from streamtrack.frame import BoolMask, Event, EventKind
from streamtrack.publish.message import MaskMessage
from streamtrack.publish.wire import masks_topic
from streamtrack.publish.zmq_publisher import MAX_SUBSCRIPTION_BYTES, ZmqPublisher
from streamtrack.telemetry import Telemetry
from tests.support.masks import TIMEOUT_MS, disc, join, join_events, make_publisher, make_result
from tests.support.process import started

MAX_STALE = 32
"""Messages that a stalled subscriber may hold. Measured here: 13 to 16 of 2 kB. Kernels differ in how they
account small buffers, hence twice that; with default buffers it is 600 and more."""

CHILD = """
import hashlib, sys
from streamtrack.client import MaskSubscriber

with MaskSubscriber(sys.argv[1], stream="cam1", timeout_ms=10_000) as masks:
    for message, _ in zip(masks, range(20)):
        for object_id, item in message.objects.items():
            digest = hashlib.sha256(item.mask.tobytes()).hexdigest()
            print(message.frame_idx, object_id, digest, flush=True)
"""


def three_discs(seed: int) -> dict[int, BoolMask]:
    return {object_id: disc(3 * seed + object_id, 360, 640) for object_id in (1, 2, 3)}


def test_subscriber_in_another_process_receives_masks_equal_to_those_sent() -> None:
    sent: dict[tuple[int, int], str] = {}
    with make_publisher() as publisher, started(sys.executable, "-c", CHILD, publisher.address) as child:
        frame_idx = 0
        while child.poll() is None:
            result = make_result(frame_idx, three_discs(frame_idx))
            for object_id, item in result.objects.items():
                sent[frame_idx, object_id] = hashlib.sha256(item.mask.tobytes()).hexdigest()
            publisher.publish("cam1", result, "nano")
            frame_idx += 1
            time.sleep(0.01)
        output, errors = child.communicate(timeout=30)
    assert (errors, child.returncode) == ("", 0)
    received = [line.split() for line in output.splitlines()]
    assert len(received) == 60
    for index, name, digest in received:
        assert digest == sent[int(index), int(name)]


def test_stalled_subscriber_holds_few_stale_messages_and_publishing_never_waits() -> None:
    telemetry = Telemetry()
    publish_ms = []
    with (
        make_publisher(telemetry=telemetry) as publisher,
        MaskSubscriber(publisher.address, "cam1") as stalled,
    ):
        joined = join(publisher, stalled)
        results = [make_result(index, three_discs(index)) for index in range(10)]
        for index in range(400):
            started = time.perf_counter()
            publisher.publish("cam1", results[index % 10], "nano")
            publish_ms.append((time.perf_counter() - started) * 1e3)
            time.sleep(0.0005)
        held = []
        while message := stalled.receive(200):
            held.append(message.seq)
        assert held[0] == joined.seq + 1
        resumed_seq = join(publisher, stalled).seq
        assert resumed_seq > joined.seq + 400
        assert stalled.missed + len(held) >= 400
    print(f"a stalled subscriber held {len(held)} stale messages")
    assert 1 <= len(held) <= MAX_STALE
    assert telemetry.stream("cam1").report().dropped["slow_subscriber"] >= 1
    # Encoding three masks takes about 1 ms; a blocking send would wait for the whole stall.
    assert statistics.median(publish_ms) < 20


def test_stalled_subscriber_costs_the_others_nothing() -> None:
    telemetry = Telemetry()
    with (
        make_publisher(telemetry=telemetry) as publisher,
        MaskSubscriber(publisher.address, "cam1") as stalled,
        MaskSubscriber(publisher.address, "cam1") as reading,
    ):
        join(publisher, stalled)
        first = join(publisher, reading).seq
        result = make_result(0, three_discs(0))
        # Three times what the stalled one can hold; each is read before the next is sent, so that none is
        # missed for another reason.
        for number in range(1, 3 * MAX_STALE):
            publisher.publish("cam1", result, "nano")
            message = reading.receive(TIMEOUT_MS)
            assert message is not None
            assert message.seq == first + number
    assert telemetry.stream("cam1").report().dropped["slow_subscriber"] >= 1


def test_conflating_subscriber_gets_only_the_newest_message() -> None:
    with make_publisher() as publisher, MaskSubscriber(publisher.address, "cam1", conflate=True) as masks:
        joined = join(publisher, masks)
        for index in range(50):
            publisher.publish("cam1", make_result(index), "nano")
            time.sleep(0.001)
        time.sleep(0.2)  # most often all have arrived now; on a busy machine the last ones may be under way
        received: list[MaskMessage] = []
        while not received or received[-1].frame_idx < 49:
            message = masks.receive(TIMEOUT_MS)
            assert message is not None
            received.append(message)
        np.testing.assert_array_equal(received[-1].objects[1].mask, disc(49))
        assert len(received) <= 5, "conflation kept more than the newest few"
        assert masks.receive(100) is None
        assert received[-1].seq == joined.seq + 50
        assert masks.missed == 50 - len(received)


def test_late_joiner_decodes_the_next_message_and_misses_none() -> None:
    with make_publisher() as publisher:
        for index in range(10):
            publisher.publish("cam1", make_result(index), "nano")
        with MaskSubscriber(publisher.address, "cam1") as late:
            message = join(publisher, late)
            assert message.seq >= 10, "the ten before it are counted"
            np.testing.assert_array_equal(message.objects[1].mask, disc(message.frame_idx))
            assert late.missed == 0


def test_cam1_does_not_receive_cam10() -> None:
    with (
        make_publisher() as publisher,
        MaskSubscriber(publisher.address, "cam1") as cam1,
        MaskSubscriber(publisher.address) as every,
    ):
        join(publisher, cam1)
        join(publisher, every, "cam10")
        publisher.publish("cam10", make_result(1), "nano")
        publisher.publish("cam1", make_result(2), "nano")
        streams = {
            message.stream for message in (every.receive(TIMEOUT_MS), every.receive(TIMEOUT_MS)) if message
        }
        assert streams == {"cam1", "cam10"}
        while message := cam1.receive(100):
            assert message.stream == "cam1"


def test_each_stream_counts_its_own_messages_from_zero() -> None:
    with make_publisher() as publisher, MaskSubscriber(publisher.address) as masks:
        join(publisher, masks, "cam1")
        for stream in ("cam2", "cam3", "cam2"):
            publisher.publish(stream, make_result(), "nano")
        received = [masks.receive(TIMEOUT_MS) for _ in range(3)]
    assert [(m.stream, m.seq) for m in received if m] == [("cam2", 0), ("cam3", 0), ("cam2", 1)]


def test_restart_is_known_by_its_epoch_and_is_no_gap() -> None:
    first = make_publisher()
    with MaskSubscriber(first.address, "cam1") as masks:
        old = join(first, masks)
        first.close()
        with make_publisher(first.address) as second:
            new = join(second, masks)
        assert new.epoch > old.epoch
        assert masks.restarts == 1
        assert masks.missed == 0


def test_events_of_a_result_and_of_the_stream_are_sent() -> None:
    added = Event(EventKind.ADDED, 3, 1, {"label": "dog"})
    gap = Event(EventKind.GAP, 4)
    with make_publisher() as publisher, EventSubscriber(publisher.address, "cam1") as events:
        join_events(publisher, events, gap)
        publisher.publish("cam1", make_result(3, events=(added,)), "nano")
        publisher.publish_events("cam1", [gap])
        first, second = events.receive(TIMEOUT_MS), events.receive(TIMEOUT_MS)
    assert first is not None
    assert second is not None
    assert (first.kind, first.frame_idx, first.object_id, first.detail) == ("added", 3, 1, {"label": "dog"})
    assert (second.kind, second.object_id, second.seq) == ("gap", None, first.seq + 1)


def test_many_events_at_once_all_arrive() -> None:
    # More than the socket's high-water mark: an event is said once, as of sixteen objects added to one frame.
    with make_publisher() as publisher, EventSubscriber(publisher.address, "cam1") as events:
        join_events(publisher, events, Event(EventKind.GAP, 0))
        publisher.publish_events("cam1", [Event(EventKind.ADDED, 1, object_id) for object_id in range(16)])
        told = [events.receive(TIMEOUT_MS) for _ in range(16)]
    assert [event.object_id for event in told if event is not None] == list(range(16))
    assert events.missed == 0


def test_event_that_cannot_be_sent_is_counted_and_the_next_is_sent() -> None:
    telemetry = Telemetry()
    gap = Event(EventKind.GAP, 4)
    with (
        make_publisher(telemetry=telemetry) as publisher,
        EventSubscriber(publisher.address, "cam1") as events,
    ):
        join_events(publisher, events, gap)
        publisher.publish_events("cam1", [Event(EventKind.ADDED, 0, 1, {"value": object()}), gap])
        message = events.receive(TIMEOUT_MS)
    assert message is not None
    assert message.kind == "gap"
    assert events.missed == 0
    assert telemetry.stream("cam1").report().dropped == {"unsendable_event": 1}


def test_publish_stamps_the_message_with_the_time_it_returns() -> None:
    clock = FakeClock(monotonic_ns=7_000)
    with (
        ZmqPublisher(ZmqConfig(masks_address="tcp://127.0.0.1:*"), Telemetry(), clock) as publisher,
        MaskSubscriber(publisher.address, "cam1") as masks,
    ):
        join(publisher, masks)
        clock.advance_ms(5)
        stamp = publisher.publish("cam1", make_result(), "nano")
        message = masks.receive(TIMEOUT_MS)
    assert message is not None
    assert stamp == message.publish_monotonic_ns == 5_007_000
    assert message.epoch == clock.wall_ns() // 1_000_000 - 5


def test_many_threads_may_publish() -> None:
    received: dict[str, list[int]] = {"cam1": [], "cam2": []}
    with make_publisher() as publisher, MaskSubscriber(publisher.address) as masks:
        join(publisher, masks, "other")

        def publish(stream: str) -> None:
            for index in range(40):
                publisher.publish(stream, make_result(index), "nano")
                time.sleep(0.002)

        threads = [threading.Thread(target=publish, args=(stream,)) for stream in received for _ in range(2)]
        for thread in threads:
            thread.start()
        while message := masks.receive(300):
            np.testing.assert_array_equal(message.objects[1].mask, disc(message.frame_idx))
            received[message.stream].append(message.seq)
        for thread in threads:
            thread.join(10)
        for stream, seqs in received.items():
            assert seqs == sorted(set(seqs))
            publisher.publish(stream, make_result(), "nano")
            last = masks.receive(TIMEOUT_MS)
            assert last is not None
            assert (last.stream, last.seq) == (stream, 80)


def test_port_in_use_raises_publish_error_with_the_address() -> None:
    with make_publisher() as publisher:
        with pytest.raises(PublishError) as caught:
            make_publisher(publisher.address)
        assert str(caught.value) == f"zmq.masks_address: {publisher.address} is in use, expected a free port"


@pytest.mark.parametrize(
    "address",
    ["tcp://127.0.0.1", "nonsense", "tcp://999.1.1.1:5555", "tcp://203.0.113.1:0", "http://127.0.0.1:1"],
)
def test_address_that_cannot_be_bound_raises_publish_error(address: str) -> None:
    with pytest.raises(
        PublishError, match=r"^zmq\.masks_address: cannot bind .*, expected tcp://HOST:PORT"
    ) as caught:
        make_publisher(address)
    assert "\n" not in str(caught.value)


def test_ipc_address_works(tmp_path: Path) -> None:
    with (
        make_publisher(f"ipc://{tmp_path}/masks") as publisher,
        MaskSubscriber(publisher.address, "cam1") as masks,
    ):
        assert join(publisher, masks).stream == "cam1"


def test_close_is_quick_with_a_stalled_subscriber_and_frees_the_port() -> None:
    publisher = make_publisher()
    with MaskSubscriber(publisher.address, "cam1") as stalled:
        join(publisher, stalled)
        for index in range(100):
            publisher.publish("cam1", make_result(index), "nano")
        started = time.monotonic()
        publisher.close()
        publisher.close()
        assert time.monotonic() - started < 1
        make_publisher(publisher.address).close()


def test_publish_after_close_raises_publish_error() -> None:
    publisher = make_publisher()
    publisher.close()
    with pytest.raises(PublishError, match="closed"):
        publisher.publish("cam1", make_result(), "nano")


def test_peer_that_sends_too_much_is_cut_off_and_the_others_go_on() -> None:
    with make_publisher() as publisher, MaskSubscriber(publisher.address, "cam1") as masks:
        join(publisher, masks)
        context = zmq.Context()
        peer = context.socket(zmq.XSUB)
        peer.linger = 0
        monitor = peer.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        peer.connect(publisher.address)
        peer.send(b"\x01" + b"x" * 2 * MAX_SUBSCRIPTION_BYTES)
        assert monitor.poll(TIMEOUT_MS)
        peer.disable_monitor()
        monitor.close()
        peer.close()
        context.term()
        assert join(publisher, masks).stream == "cam1"


def test_peer_that_speaks_no_zeromq_does_no_harm() -> None:
    with make_publisher() as publisher, MaskSubscriber(publisher.address, "cam1") as masks:
        host, port = publisher.address.removeprefix("tcp://").split(":")
        with socket.create_connection((host, int(port)), timeout=5) as peer:
            peer.sendall(b"GET / HTTP/1.1\r\n\r\n" * 100)
            assert join(publisher, masks).stream == "cam1"


def test_topic_is_what_subscribers_in_any_language_subscribe_to() -> None:
    with make_publisher() as publisher, zmq.Context() as context, context.socket(zmq.SUB) as raw:
        raw.linger = 0
        raw.subscribe(masks_topic("cam1"))
        raw.connect(publisher.address)
        deadline = time.monotonic() + TIMEOUT_MS / 1e3
        while not raw.poll(20):
            assert time.monotonic() < deadline
            publisher.publish("cam1", make_result(), "nano")
        parts = raw.recv_multipart()
        assert len(parts) == 1
        assert parts[0].startswith(b"masks/cam1\0\x01")
