"""Every way to write an address, and what must guard those that the network reaches."""

from __future__ import annotations

from typing import Any

import pytest

from streamtrack.config import CurveConfig, HttpConfig, ZmqConfig, parse_config
from streamtrack.config.exposure import check_http_guarded, open_doors
from streamtrack.errors import ConfigError

STREAM = {"name": "cam", "source": {"url": "synthetic:crossing"}}
KEY = "k" * 40
TOKEN = "a-long-random-word"


def refusal(**sections: Any) -> str | None:
    try:
        parse_config({"streams": [STREAM], **sections}, "live.yaml")
    except ConfigError as error:
        return str(error)
    return None


OPEN_HOSTS = [
    *("0.0.0.0", "::", "[::]", "", "0", "0x0", "000.000.000.000", "0.0.0.0.", "::0", "0:0:0:0:0:0:0:0"),
    *("::ffff:0.0.0.0", "::ffff:192.168.1.5", "192.168.1.5", "fd00::1", "fe80::1"),
    *("cams.example", "localhost.example", "127.0.0.1.example", "127.1", "2130706433", "myhost"),
]


@pytest.mark.parametrize("host", OPEN_HOSTS)
def test_host_that_the_network_reaches_needs_a_token(host: str) -> None:
    told = refusal(http={"host": host})
    assert told is not None
    assert "http" in told
    assert refusal(http={"host": host, "token": TOKEN}) is None
    assert refusal(http={"host": host, "allow_open": True}) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "[::1]", "localhost", "LOCALHOST", "127.9.9.9"])
def test_host_of_this_machine_needs_none(host: str) -> None:
    assert refusal(http={"host": host}) is None


@pytest.mark.parametrize("token", ["", " ", "short", "fifteen-letters"])
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_token_that_guards_nothing_is_refused(host: str, token: str) -> None:
    told = refusal(http={"host": host, "token": token})
    assert told is not None
    assert "token" in told
    assert len(token) < 5 or token not in told


OPEN_ADDRESSES = [
    *("tcp://*:5555", "tcp://0.0.0.0:5555", "tcp://[::]:5555", "tcp://[::ffff:0.0.0.0]:5555", "tcp://0:5555"),
    *("tcp://eth0:5555", "tcp://lo:5555", "tcp://192.168.1.5:5555", "tcp://[fd00::1]:5555", "tcp://[*]:5555"),
    *("tcp://cams.example:5555", "tcp://127.1:5555", "tcp://127.0.0.1;192.168.1.5:5555"),
    *("ws://127.0.0.1:5555", "ws://*:5555", "udp://127.0.0.1:5555", "udp://*:5555"),
]


@pytest.mark.parametrize("key", ["masks_address", "control_address"])
@pytest.mark.parametrize("address", OPEN_ADDRESSES)
def test_socket_that_the_network_reaches_needs_keys(key: str, address: str) -> None:
    told = refusal(zmq={key: address})
    assert told is not None
    assert f"zmq.{key}" in told
    curve = {"server_secret_key": KEY, "server_public_key": KEY, "allowed_client_keys": [KEY]}
    assert refusal(zmq={key: address, "curve": curve}) is None
    assert refusal(zmq={key: address, "allow_open": True}) is None


@pytest.mark.parametrize("address", ["TCP://*:5555", "tcp:/*:5555", "pgm://eth0;239.1.1.1:5555", "*:5555"])
def test_what_is_no_address_of_zeromq_is_refused_with_keys_too(address: str) -> None:
    assert refusal(zmq={"masks_address": address, "allow_open": True}) is not None


@pytest.mark.parametrize(
    "address",
    ["tcp://127.0.0.1:5555", "tcp://[::1]:5555", "tcp://localhost:*", "ipc:///run/masks", "inproc://x"],
)
def test_socket_of_this_machine_needs_none(address: str) -> None:
    assert refusal(zmq={"masks_address": address}) is None


def test_proxy_lets_the_network_in() -> None:
    told = refusal(http={"trusted_proxies": ["127.0.0.1"]})
    assert told == (
        "live.yaml: http.trusted_proxies names a proxy, which lets the network in, and http.token is not "
        "set; expected a token, keys (`streamtrack keys`), or --insecure (http.allow_open: true)"
    )
    assert refusal(http={"trusted_proxies": ["127.0.0.1"], "token": TOKEN}) is None


def test_keys_of_their_own_guard_as_a_token_does() -> None:
    http = HttpConfig(host="0.0.0.0")
    with pytest.raises(ValueError, match=r"^http\.host 0\.0\.0\.0 is open"):
        check_http_guarded(http)
    check_http_guarded(http, keys=True)
    assert open_doors(http, ZmqConfig(), keys=True) == ()


def test_open_doors_are_named() -> None:
    curve = CurveConfig.model_validate(
        {"server_secret_key": KEY, "server_public_key": KEY, "allowed_client_keys": [KEY]}
    )
    http = HttpConfig(host="0.0.0.0", allow_open=True)
    zmq = ZmqConfig(masks_address="tcp://*:5555", control_address="tcp://*:5556", allow_open=True)
    assert open_doors(http, zmq) == (
        "http.host 0.0.0.0: whoever reaches it watches and commands",
        "zmq.masks_address tcp://*:5555: whoever reaches it reads masks",
        "zmq.control_address tcp://*:5556: whoever reaches it commands",
    )
    assert open_doors(HttpConfig(), zmq.model_copy(update={"curve": curve})) == ()
