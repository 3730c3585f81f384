from __future__ import annotations

import logging
import sys
import threading
from pathlib import Path
from typing import IO

import pytest
import zmq
from zmq.utils.monitor import recv_monitor_message

from streamtrack.access.curve_file import CurveClient, CurveFile
from streamtrack.access.roles import Role
from streamtrack.client import ClientKeys, MaskSubscriber
from streamtrack.config import CurveConfig
from streamtrack.errors import ConfigError
from streamtrack.publish import zmq_security
from streamtrack.publish.zmq_publisher import ZmqPublisher
from streamtrack.publish.zmq_security import CurveGate, Refusals, bind
from streamtrack.telemetry import Telemetry
from tests.support.masks import TIMEOUT_MS, join, keypair, make_curve, make_publisher, make_result
from tests.support.pipelines import wait_until
from tests.support.process import started


def assert_gets_nothing(publisher: ZmqPublisher, refused: MaskSubscriber, admitted: MaskSubscriber) -> None:
    """While a client on the list receives 20 messages, the other one receives none."""
    join(publisher, admitted)
    for _ in range(20):
        publisher.publish("cam1", make_result(), "nano")
        assert admitted.receive(TIMEOUT_MS) is not None
        assert refused.receive(10) is None


def test_client_on_the_list_receives() -> None:
    curve, (keys,) = make_curve()
    with (
        make_publisher(curve=curve) as publisher,
        MaskSubscriber(publisher.address, "cam1", keys=keys) as masks,
    ):
        assert join(publisher, masks).stream == "cam1"


def test_client_without_keys_receives_nothing() -> None:
    curve, (keys,) = make_curve()
    with (
        make_publisher(curve=curve) as publisher,
        MaskSubscriber(publisher.address, "cam1") as refused,
        MaskSubscriber(publisher.address, "cam1", keys=keys) as admitted,
    ):
        assert_gets_nothing(publisher, refused, admitted)


def test_client_with_another_servers_key_receives_nothing() -> None:
    curve, (keys,) = make_curve()
    wrong = ClientKeys(keypair()[0], keys.public_key, keys.secret_key)
    with (
        make_publisher(curve=curve) as publisher,
        MaskSubscriber(publisher.address, "cam1", keys=wrong) as refused,
        MaskSubscriber(publisher.address, "cam1", keys=keys) as admitted,
    ):
        assert_gets_nothing(publisher, refused, admitted)


def test_client_that_is_not_on_the_list_receives_nothing_and_is_logged_without_its_key(
    caplog: pytest.LogCaptureFixture,
) -> None:
    curve, (keys,) = make_curve()
    stranger = ClientKeys(keys.server_public_key, *keypair())
    with (
        caplog.at_level(logging.WARNING),
        make_publisher(curve=curve) as publisher,
        MaskSubscriber(publisher.address, "cam1", keys=stranger) as refused,
        MaskSubscriber(publisher.address, "cam1", keys=keys) as admitted,
    ):
        assert_gets_nothing(publisher, refused, admitted)
    assert "refused a ZeroMQ client from 127.0.0.1: its key is not on the list" in caplog.text
    assert stranger.public_key not in caplog.text


def test_client_that_claims_a_listed_key_without_its_secret_receives_nothing() -> None:
    curve, (keys,) = make_curve()
    thief = ClientKeys(keys.server_public_key, keys.public_key, keypair()[1])
    with (
        make_publisher(curve=curve) as publisher,
        MaskSubscriber(publisher.address, "cam1", keys=thief) as refused,
        MaskSubscriber(publisher.address, "cam1", keys=keys) as admitted,
    ):
        assert_gets_nothing(publisher, refused, admitted)


def test_guarded_socket_without_its_handler_admits_nobody() -> None:
    curve, (keys,) = make_curve()
    with zmq.Context() as with_gate, zmq.Context() as without_gate:
        gate = CurveGate(with_gate, curve)
        # libzmq looks for the handler in the socket's own context: it finds none here, as if its thread had
        # died.
        with without_gate.socket(zmq.PUB) as server:
            gate.guard(server)
            address = bind(server, "tcp://127.0.0.1:0", "test")
            monitor = server.get_monitor_socket(
                zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
            )
            with MaskSubscriber(address, "cam1", keys=keys):
                assert monitor.poll(TIMEOUT_MS)
                assert recv_monitor_message(monitor)["event"] == zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
            server.disable_monitor()
            monitor.close()


def test_two_publishers_with_keys_live_in_one_process() -> None:
    (first_curve, (first_keys,)), (second_curve, (second_keys,)) = make_curve(), make_curve()
    with (
        make_publisher(curve=first_curve) as first,
        make_publisher(curve=second_curve) as second,
        MaskSubscriber(first.address, "cam1", keys=first_keys) as from_first,
        MaskSubscriber(second.address, "cam1", keys=second_keys) as from_second,
    ):
        assert join(first, from_first).epoch == first.epoch
        assert join(second, from_second).epoch == second.epoch


@pytest.mark.parametrize("field", ["server_public_key", "server_secret_key", "allowed_client_keys"])
def test_key_that_is_not_z85_is_told_without_showing_it(field: str) -> None:
    curve, _ = make_curve()
    bad = '"' * 40
    value = {"allowed_client_keys": (curve.allowed_client_keys[0], bad)}.get(field, bad)
    config = CurveConfig.model_validate({**curve.model_dump(), field: value})
    with pytest.raises(ConfigError, match=field) as caught:
        make_publisher(curve=config)
    assert bad not in str(caught.value)


def test_public_key_of_another_pair_is_told() -> None:
    curve, _ = make_curve()
    config = CurveConfig.model_validate({**curve.model_dump(), "server_public_key": keypair()[0]})
    with pytest.raises(ConfigError) as caught:
        make_publisher(curve=config)
    assert str(caught.value) == "zmq.curve: server_public_key does not belong to server_secret_key"


def test_secret_key_is_not_in_the_repr_of_the_client_keys() -> None:
    _, (keys,) = make_curve()
    assert keys.secret_key not in repr(keys)


def roles_of(*roles: str) -> tuple[CurveConfig, dict[str, ClientKeys]]:
    """A server's keys, and those of a client in each role."""
    server_public, server_secret = keypair()
    clients = {role: ClientKeys(server_public, *keypair()) for role in roles}
    config = CurveConfig.model_validate(
        {
            "server_secret_key": server_secret,
            "server_public_key": server_public,
            **{f"{role}s": {f"the-{role}": keys.public_key} for role, keys in clients.items()},
        }
    )
    return config, clients


@pytest.mark.parametrize("role", ["viewer", "controller", "admin"])
def test_every_role_reads_masks(role: str) -> None:
    curve, clients = roles_of("viewer", "controller", "admin")
    with (
        make_publisher(curve=curve) as publisher,
        MaskSubscriber(publisher.address, "cam1", keys=clients[role]) as masks,
    ):
        assert join(publisher, masks).stream == "cam1"


RECEIVER = """
import sys
from streamtrack.client import ClientKeys, MaskSubscriber
address, *keys = sys.argv[1:]
with MaskSubscriber(address, "cam1", keys=ClientKeys(*keys)) as masks:
    while True:
        message = masks.receive(200)
        print("silent" if message is None else "received", flush=True)
"""


def test_subscriber_of_another_process_is_cut_off_when_its_key_is_revoked_and_others_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(zmq_security, "LOOK_PERIOD_MS", 20)
    file = CurveFile(tmp_path / "curve.json")
    curve, (stays,) = make_curve()
    goes = ClientKeys(stays.server_public_key, *keypair())
    file.add(CurveClient("robot", Role.VIEW, goes.public_key))
    curve = curve.model_copy(update={"clients_file": file.path})
    telemetry = Telemetry()
    with (
        make_publisher(curve=curve, telemetry=telemetry) as publisher,
        MaskSubscriber(publisher.address, "cam1", keys=stays) as other,
        started(
            *(sys.executable, "-c", RECEIVER, publisher.address),
            *(goes.server_public_key, goes.public_key, goes.secret_key),
        ) as process,
    ):
        assert process.stdout is not None
        ended = threading.Event()
        sending = threading.Thread(target=publish_until, args=(publisher, ended))
        sending.start()
        try:
            wait_for(process.stdout, "received")
            assert other.receive(TIMEOUT_MS) is not None
            file.revoke("robot")
            wait_for(process.stdout, "silent")
            wait_until(lambda: "its key is not on the list" in caplog.text, "the refusal")
            assert [process.stdout.readline() for _ in range(3)] == ["silent\n"] * 3
            while other.receive(0) is not None:
                pass
            assert other.receive(TIMEOUT_MS) is not None
        finally:
            ended.set()
            sending.join()
    assert "CURVE keys revoked or changed: robot" in caplog.text
    assert goes.public_key not in caplog.text
    assert b'streamtrack_requests_refused_total{kind="curve"}' in telemetry.expose()


def publish_until(publisher: ZmqPublisher, ended: threading.Event) -> None:
    """Masks without end: only a subscriber that is not let in hears nothing."""
    while not ended.wait(0.01):
        publisher.publish("cam1", make_result(), "nano")


def wait_for(lines: IO[str], word: str) -> None:
    for line in lines:  # a process that hangs is killed by `started`
        if line.strip() == word:
            return
    raise AssertionError(f"the process ended without {word!r}")


def test_refusals_are_told_once_a_minute_with_their_number() -> None:
    refusals = Refusals()
    assert [refusals.note("a", now) for now in (0.0, 1.0, 59.0, 60.0, 61.0, 500.0)] == [1, 0, 0, 3, 0, 2]
    assert refusals.note("b", 61.0) == 1


def test_refusals_of_many_addresses_are_forgotten_in_their_turn() -> None:
    refusals = Refusals()
    for number in range(5_000):
        refusals.note(str(number), 0.0)
    assert refusals.note("4999", 1.0) == 0
    assert refusals.note("0", 1.0) == 1


@pytest.mark.parametrize(
    ("update", "told"),
    [
        ({"viewers": {"a": '"' * 40}}, "zmq.curve: viewers.a is not a CURVE key, expected 40"),
        ({"viewers": {"a": "a" * 40}, "admins": {"a": "b" * 40}}, "zmq.curve: a is named twice"),
        ({"viewers": {"a": "a" * 40}, "admins": {"b": "a" * 40}}, "zmq.curve: b has the key of another"),
    ],
)
def test_lists_that_cannot_be_are_told(update: dict[str, dict[str, str]], told: str) -> None:
    curve, _ = make_curve()
    with pytest.raises(ConfigError) as caught:
        make_publisher(curve=curve.model_copy(update=update))
    assert str(caught.value).startswith(told)


def test_clients_without_names_are_numbered() -> None:
    curve, _ = make_curve()
    given = CurveConfig.model_validate({**curve.model_dump(), "viewers": ["a" * 40, "b" * 40]})
    assert given.viewers == {"viewer-1": "a" * 40, "viewer-2": "b" * 40}
