from __future__ import annotations

import logging

import pytest
import zmq
from zmq.utils.monitor import recv_monitor_message

from streamtrack.client import ClientKeys, MaskSubscriber
from streamtrack.config import CurveConfig
from streamtrack.errors import ConfigError
from streamtrack.publish.zmq_publisher import ZmqPublisher
from streamtrack.publish.zmq_security import CurveGate, bind
from tests.support.masks import TIMEOUT_MS, join, keypair, make_curve, make_publisher, make_result


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
