from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from streamtrack.client import ClientKeys, Control, EventSubscriber, MaskSubscriber
from streamtrack.errors import ConfigError, PromptError, PublishError
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


@pytest.mark.parametrize(
    "address", [None, 5, ["x"], b"tcp://127.0.0.1:1", "tcp://127.0.0.1:99999", "tcp://a:1\0"]
)
def test_what_is_no_address_raises_publish_error(address: Any) -> None:
    for connect in (lambda: Control(address, "cam1"), lambda: MaskSubscriber(address)):
        with pytest.raises(PublishError, match=r"^address is .*, expected tcp://HOST:PORT"):
            connect()


NO_STREAMS: list[Any] = [5, b"cam1", ["cam1"], "", "a\0b", float("nan")]
NO_TIMES: list[Any] = ["5", -1, True, [1], float("nan"), float("inf"), 10**30]
NO_KEYS: list[Any] = ["key", 5, {}, ClientKeys]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("stream", stream) for stream in NO_STREAMS),
        *(("timeout_ms", time_ms) for time_ms in NO_TIMES),
        *(("keys", keys) for keys in NO_KEYS),
    ],
)
def test_argument_of_another_kind_raises_config_error(name: str, value: Any) -> None:
    for client in (Control, MaskSubscriber, EventSubscriber):
        given: dict[str, Any] = {"stream": "cam1", name: value}
        with pytest.raises(ConfigError, match=f"^{name} is .*, expected ") as caught:
            client(NOBODY, **given)
        assert len(str(caught.value)) < 200


@pytest.mark.parametrize("key", [None, 5, b"a" * 40])
def test_key_that_is_no_text_raises_config_error(key: Any) -> None:
    with pytest.raises(ConfigError, match="is not a CURVE key"):
        MaskSubscriber(NOBODY, keys=ClientKeys(key, key, key))


@pytest.mark.parametrize("object_id", [None, "x", 1.5, -1, True, [1]])
def test_what_is_no_object_id_is_refused_before_it_is_sent(object_id: Any) -> None:
    with Control(NOBODY, "cam1", timeout_ms=1) as control:
        for command in (control.remove, lambda value: control.label(value, "x"), control.correct):
            with pytest.raises(PromptError, match=r"^object_id is .*, expected an integer"):
                command(object_id)
        with pytest.raises(PromptError, match="label is 5, expected text"):
            control.label(1, 5)  # type: ignore[arg-type]


def test_closed_connection_says_so() -> None:
    masks, control = MaskSubscriber(NOBODY), Control(NOBODY, "cam1")
    for connection in (masks, control):
        connection.close()
    for use in (lambda: masks.receive(1), control.list):
        with pytest.raises(PublishError, match="is closed, expected an open connection"):
            use()


FORGOTTEN = f"""
import gc, sys
from streamtrack.client import Control, MaskSubscriber
for _ in range(20):
    for connection in (Control({NOBODY!r}, "cam1", timeout_ms=1), MaskSubscriber({NOBODY!r})):
        connection.holds_itself = connection
        del connection
gc.collect()
print("done")
"""


def test_forgotten_connections_are_collected_without_waiting() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORGOTTEN], timeout=60, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("done\n", "")
