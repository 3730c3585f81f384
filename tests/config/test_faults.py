"""Faults as one line: nothing secret in it, and a cost that whoever sends the input cannot drive up."""

from __future__ import annotations

import time
from typing import Any

import pytest
from pydantic import ValidationError

from streamtrack.config import Config
from streamtrack.config.faults import first_fault
from streamtrack.config.resolve import parse_config
from streamtrack.control.commands import parse_command
from streamtrack.errors import ConfigError, StreamTrackError

STREAM: dict[str, Any] = {"name": "cam", "source": {"url": "synthetic:demo"}}
SECRET = "Tr0ub4dor&3-and-more"
URL = f"rtsp://admin:{SECRET}@camera/stream"
KEY_41 = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID+"


def whole(**sections: Any) -> dict[str, Any]:
    return {"streams": [STREAM], **sections}


def one(**keys: Any) -> dict[str, Any]:
    return {"streams": [STREAM | keys]}


def curve(**keys: Any) -> dict[str, Any]:
    pair = {"server_secret_key": KEY_41[:40], "server_public_key": KEY_41[:40]}
    return whole(zmq={"curve": pair | {"allowed_client_keys": [KEY_41[:40]]} | keys})


@pytest.mark.parametrize(
    "raw",
    [
        one(source=URL),
        one(source=[URL]),
        one(name=URL),
        one(name=SECRET),
        one(video=URL),
        one(tracking=URL),
        one(source={URL: None}),
        one(prompts=URL),
        one(prompts=[URL]),
        one(autoprompt=URL),
        one(autoprompt={"kind": URL}),
        one(autoprompt={"kind": "detector", "classes": [URL]}),
        one(autoprompt={"kind": "detector", "classes": URL}),
        one(source={"url": "x", "pace": URL}),
        one(source={"url": "x", "fps": SECRET}),
        one(source={"url": ["x", URL]}),
        one(source={URL: 1}),
        {"streams": URL},
        {"streams": [URL]},
        {"streams": {"cam": URL}},
        whole(http=SECRET),
        whole(http=[SECRET]),
        whole(http={SECRET: None}),
        whole(http={"host": SECRET}),
        whole(http={"host": URL}),
        whole(http={"port": SECRET}),
        whole(http={"port": 123456789012}),
        whole(http={"token": [SECRET]}),
        whole(http={"token": f"{SECRET[:9]} "}),
        whole(http={"token": f"{SECRET} x"}),
        whole(http={"cors_origins": SECRET}),
        whole(http={"cors_origins": [SECRET]}),
        whole(http={"cors_origins": [f"https://u:{SECRET}@x"]}),
        whole(http={"allow_open": SECRET}),
        whole(zmq=SECRET),
        whole(zmq={"masks_address": SECRET}),
        whole(zmq={"control_address": URL}),
        whole(zmq={"encoding": SECRET}),
        whole(zmq={"curve": SECRET}),
        curve(server_public_key=KEY_41),
        curve(server_secret_key=KEY_41),
        curve(allowed_client_keys=KEY_41),
        curve(allowed_client_keys=[[KEY_41]]),
        curve(secret=KEY_41),
        whole(model=SECRET),
        whole(model={"device": SECRET}),
        whole(model={"image_size": SECRET}),
        whole(model={"checkpoint": [SECRET]}),
        whole(**{SECRET: None}),
        whole(**{URL: 1}),
    ],
)
def test_fault_never_repeats_what_may_be_a_secret(raw: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_config(raw, "live.yaml")
    message = str(refused.value)
    for secret in (SECRET, SECRET[:9], KEY_41, KEY_41[:40], "123456789012", "admin:"):
        assert secret not in message
    assert "\n" not in message
    assert len(message) < 400


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (
            one(source=URL),
            "live.yaml: streams.0.source is a URL of 47 characters: expected a section with keys of its own",
        ),
        (
            whole(http={"port": "eighty-eighty"}),
            "live.yaml: http.port is text of 13 characters: "
            "input should be a valid integer, unable to parse string as an integer",
        ),
        (one(name=7), "live.yaml: streams.0.name is 7: expected text: put it in quotes"),
        ({"streams": {"cam": 1}}, "live.yaml: streams: expected a list"),
        (
            whole(http={"token": ""}),
            "live.yaml: http.token: token is empty, expected a long random text, or null for none",
        ),
        (
            whole(http={"host": "0.0.0.0", "token": "short"}),
            "live.yaml: http.token: token has 5 characters, expected at least 16, better 20 random ones",
        ),
        (
            whole(http={"cors_origins": ["*"]}),
            "live.yaml: http.cors_origins lets every web page watch and "
            "command and http.token is not set; expected origins, a token, or --insecure "
            "(http.allow_open: true)",
        ),
        (
            whole(zmq={"masks_address": "tcp://127.0.0.1"}),
            "live.yaml: zmq.masks_address is a URL of 15 characters, expected tcp://HOST:PORT or ipc://PATH",
        ),
    ],
)
def test_fault_still_says_what_to_change(raw: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_config(raw, "live.yaml")
    assert str(refused.value) == message


@pytest.mark.parametrize("token", [" " * 20, "sixteen letters ", "täglich-ein-wort-mehr", "a\nb" * 8])
def test_token_that_no_header_can_carry_is_refused(token: str) -> None:
    with pytest.raises(ConfigError, match=r"http.token: token (is empty|holds a blank)"):
        parse_config(whole(http={"token": token}), "live.yaml")


def test_every_page_may_call_with_a_token_or_when_told() -> None:
    for keys in ({"token": "a-long-random-word"}, {"allow_open": True}):
        assert parse_config(whole(http={"cors_origins": ["*"], **keys}), "x").http.cors_origins == ("*",)


def test_many_faults_cost_their_number_and_not_its_square() -> None:
    raw = whole(**{f"unknown_{index}": index for index in range(20_000)})
    with pytest.raises(ValidationError) as refused:
        Config.model_validate(raw)
    faults = refused.value.errors(include_url=False)
    started = time.thread_time()
    assert first_fault(faults, Config).text == "unknown key unknown_0 (and 19999 more)"
    # Linear it is 0.01 to 0.04 s; every fault against every other was half a minute.
    assert time.thread_time() - started < 2.0


@pytest.mark.parametrize(
    "command",
    [
        {f"k{index}": 0 for index in range(60_000)},
        {"mask": {f"k{index}": 0 for index in range(60_000)}},
        {"label": "x" * 500_000},
        {"k" * 500_000: 0},
        {"object_id": [0] * 60_000},
    ],
    ids=["keys", "inner keys", "text", "one key", "another kind"],
)
def test_command_of_half_a_megabyte_is_refused_at_once(command: dict[str, Any]) -> None:
    started = time.thread_time()
    with pytest.raises(StreamTrackError) as refused:
        parse_command({"op": "add", "stream": "cam", **command})
    assert time.thread_time() - started < 3.0, "a quadratic cost is over 30 s"
    assert len(str(refused.value)) < 200
