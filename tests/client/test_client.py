from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from streamtrack.client import ClientKeys, Control, EventSubscriber, MaskSubscriber
from streamtrack.errors import ConfigError, PublishError
from tests.support.masks import TIMEOUT_MS, join, keypair, make_publisher, make_result
from tests.support.process import started

HEAVY = (
    "torch",
    "torchvision",
    "sam2",
    "av",
    "aiortc",
    "fastapi",
    "uvicorn",
    "cv2",
    "pydantic",
    "yaml",
    "pycocotools",
)
NOBODY = "tcp://127.0.0.1:9"

ENDLESS = """
import sys
from streamtrack.client import MaskSubscriber

with MaskSubscriber(sys.argv[1], stream="cam1") as masks:
    print("ready", flush=True)
    try:
        for message in masks:
            pass
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


def test_import_is_light() -> None:
    script = f"import sys, streamtrack.client; print([name for name in {HEAVY} if name in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert result.stdout.strip() == "[]"


def test_iteration_without_messages_raises_after_its_timeout() -> None:
    with MaskSubscriber(NOBODY, "cam1", timeout_ms=50) as masks, pytest.raises(PublishError) as caught:
        next(masks)
    assert str(caught.value) == f"{NOBODY}: no message within 50 ms"


def test_receive_without_messages_returns_none_after_its_timeout() -> None:
    started = time.monotonic()
    with MaskSubscriber(NOBODY, "cam1", timeout_ms=60_000) as masks, EventSubscriber(NOBODY) as events:
        assert masks.receive(50) is None
        assert events.receive(timeout_ms=50) is None
    assert time.monotonic() - started < 5


def test_iteration_gives_messages_and_goes_on_after_a_timeout() -> None:
    with (
        make_publisher() as publisher,
        MaskSubscriber(publisher.address, "cam1", timeout_ms=TIMEOUT_MS) as masks,
    ):
        join(publisher, masks)
        masks.timeout_ms = 50
        with pytest.raises(PublishError):
            next(masks)
        masks.timeout_ms = TIMEOUT_MS
        publisher.publish("cam1", make_result(3), "nano")
        for message in masks:
            assert message.frame_idx == 3
            assert 0 < message.capture_to_publish_ms < 10_000
            break


def test_subscriber_counts_what_it_missed() -> None:
    with make_publisher() as publisher, MaskSubscriber(publisher.address) as masks:
        first = join(publisher, masks)
        assert masks.missed == 0
        for index in range(500):  # far more than every queue on the way holds
            publisher.publish("cam1", make_result(index % 7), "nano")
        received = 0
        while masks.receive(200):
            received += 1
        last = join(publisher, masks)
        assert received < 500
        assert last.seq - first.seq > 500
        assert masks.missed >= 500 - received


def test_subscriber_may_start_before_the_publisher() -> None:
    with make_publisher() as publisher:
        address = publisher.address
    with MaskSubscriber(address, "cam1") as masks, make_publisher(address) as publisher:
        assert join(publisher, masks).epoch == publisher.epoch
        assert masks.restarts == 0


def test_interrupt_ends_a_waiting_subscriber_cleanly() -> None:
    with started(sys.executable, "-X", "dev", "-W", "error", "-c", ENDLESS, NOBODY) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(0.2)  # now it waits
        child.send_signal(signal.SIGINT)
        output, errors = child.communicate(timeout=30)  # there is no message that could end it
    assert (output, errors, child.returncode) == ("interrupted\n", "", 0)


@pytest.mark.parametrize("address", ["", "nonsense", "tcp://", "tcp://127.0.0.1", "http://127.0.0.1:5555"])
def test_bad_address_raises_publish_error(address: str) -> None:
    with pytest.raises(
        PublishError, match=r"^address is .*, expected tcp://HOST:PORT or ipc://PATH"
    ) as caught:
        MaskSubscriber(address)
    assert "\n" not in str(caught.value)


def test_bad_key_raises_config_error_without_showing_it() -> None:
    public, secret = keypair()
    with pytest.raises(ConfigError) as caught:
        Control(NOBODY, "cam1", keys=ClientKeys(public, public, secret[:-1]))
    assert str(caught.value) == "zmq.curve: secret_key is not a CURVE key, expected 40 characters of Z85"


def test_close_may_be_called_again() -> None:
    masks = MaskSubscriber(NOBODY)
    masks.close()
    masks.close()
