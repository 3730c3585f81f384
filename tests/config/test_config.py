"""Reading configs: what is refused, and in which words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from streamtrack.cli.serve import demo_config
from streamtrack.config import is_loopback, load_config, parse_config
from streamtrack.errors import ConfigError

CONFIGS = Path(__file__).parents[2] / "configs"
STREAM: dict[str, Any] = {"name": "cam", "source": {"url": "synthetic:demo"}}
KEY = "x" * 40


def config(**sections: Any) -> dict[str, Any]:
    return {"streams": [STREAM], **sections}


def stream(**changes: Any) -> dict[str, Any]:
    return {"streams": [STREAM | changes]}


def refusal(raw: object) -> str:
    with pytest.raises(ConfigError) as refused:
        parse_config(raw, "live.yaml")
    return str(refused.value)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_config_can_be_read_and_names_only_what_differs(path: Path) -> None:
    shown = load_config(path).model_dump(exclude_defaults=True, mode="json")
    shown["model"].pop("threads")  # this machine's
    written = yaml.safe_load(path.read_text(encoding="utf-8"))
    if "archive" in written:  # paths begin at the config's folder
        written["archive"]["folder"] = str(CONFIGS / written["archive"]["folder"])
    for one, stream in zip(shown["streams"], written["streams"], strict=True):
        for key in {"window", "max_mask_growth", "memory", "scene_cuts"} - stream.get(
            "tracking", {}
        ).keys():  # the model's
            one["tracking"].pop(key)
        if not one["tracking"]:
            del one["tracking"]

    def without_choices(value: Any) -> Any:
        """Discriminators are written although they have a default."""
        if isinstance(value, dict):
            return {key: without_choices(item) for key, item in value.items() if key != "kind"}
        return [without_choices(item) for item in value] if isinstance(value, list) else value

    assert without_choices(written) == without_choices({key: value for key, value in shown.items() if value})


def test_demo_config_is_what_demo_runs() -> None:
    assert load_config(CONFIGS / "demo.yaml") == demo_config().config


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (
            stream(source={"url": "x", "read_timeout_s": 5}),
            "live.yaml: unknown key streams.0.source.read_timeout_s, expected read_timeout_ms?",
        ),
        (
            stream(source={"url": "x", "read_timeout_ms": "5s"}),
            "live.yaml: streams.0.source.read_timeout_ms is '5s': "
            "input should be a valid integer, unable to parse string as an integer",
        ),
        (
            config(model={"image_size": 500}),
            "live.yaml: model.image_size is 500: expected a multiple of 32",
        ),
        (config(colour="red"), "live.yaml: unknown key colour"),
        (
            config(zmq={"masks_adress": "tcp://127.0.0.1:1"}),
            "live.yaml: unknown key zmq.masks_adress, expected masks_address?",
        ),
        (
            {"streams": []},
            "live.yaml: streams is an empty list, expected a stream, or cameras.state_dir for later ones",
        ),
        ({}, "live.yaml: streams is missing"),
        ([], "live.yaml: holds list, expected a mapping with the key 'streams'"),
        (
            {"streams": [STREAM, STREAM]},
            "live.yaml: stream name 'cam' is used 2 times, expected once",
        ),
        (
            stream(name="a/b"),
            "live.yaml: streams.0.name is 'a/b': "
            "stream name is 'a/b', expected letters, digits, '_', '.', '-'",
        ),
        (
            stream(prompts=[{"object_id": 1}]),
            "live.yaml: streams.0.prompts.0: a prompt needs points or a box",
        ),
        (
            stream(autoprompt={"kind": "detector", "classes": ["car"], "min_scor": 0.4}),
            "live.yaml: unknown key streams.0.autoprompt.min_scor, expected min_score?",
        ),
        (
            stream(autoprompt={"kind": "detector"}),
            "live.yaml: streams.0.autoprompt.classes is missing",
        ),
        (
            stream(autoprompt={"kind": "detectr"}),
            "live.yaml: streams.0.autoprompt: input tag 'detectr' found using 'kind' does not match any of "
            "the expected tags: 'scene', 'detector', 'motion', 'grid'",
        ),
        (
            stream(autoprompt={"classes": ["car"]}),
            "live.yaml: streams.0.autoprompt.kind is missing, expected scene, detector, motion, grid",
        ),
        (
            stream(tracking={"objects_per_step": 0}),
            "live.yaml: streams.0.tracking.objects_per_step is 0: "
            "expected all or a whole number from 1 to 256",
        ),
        (
            stream(tracking={"objects_per_step": 2.5}),
            "live.yaml: streams.0.tracking.objects_per_step is 2.5: "
            "expected all or a whole number from 1 to 256",
        ),
        (
            stream(tracking={"window": 0.5}),
            "live.yaml: streams.0.tracking.window is 0.5: expected off, auto or 1.1 to 16",
        ),
        (
            stream(prompt_from_scene=True),
            "live.yaml: unknown key streams.0.prompt_from_scene",
        ),
        (
            config(http={"host": "0.0.0.0"}),
            "live.yaml: http.host 0.0.0.0 is open to the network and http.token is not set; "
            "expected a token, keys (`streamtrack keys`), or --insecure (http.allow_open: true)",
        ),
        (
            config(zmq={"control_address": "tcp://*:5556"}),
            "live.yaml: zmq.control_address tcp://*:5556 is open to the network and zmq.curve is not set; "
            "expected keys, or --insecure (zmq.allow_open: true)",
        ),
    ],
)
def test_fault_is_one_line_with_file_key_and_what_was_expected(raw: object, message: str) -> None:
    assert refusal(raw) == message


def test_several_faults_name_the_first_and_count_the_rest() -> None:
    assert refusal(config(colour="red", sound="loud")).endswith("unknown key colour (and 1 more)")


@pytest.mark.parametrize(
    "sections",
    [
        {"http": {"host": "0.0.0.0", "token": "a-long-random-word"}},
        {"http": {"host": "0.0.0.0", "allow_open": True}},
        {"zmq": {"masks_address": "tcp://*:5555", "allow_open": True}},
        {
            "zmq": {
                "masks_address": "tcp://*:5555",
                "curve": {
                    "server_secret_key": KEY,
                    "server_public_key": KEY,
                    "allowed_client_keys": [KEY],
                },
            }
        },
    ],
)
def test_door_opens_to_the_network_with_a_key_or_when_told(sections: dict[str, Any]) -> None:
    parse_config(config(**sections), "live.yaml")


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        *((here, True) for here in ("127.0.0.1", "127.8.8.8", "localhost", "::1", "[::1]")),
        *((here, True) for here in ("tcp://127.0.0.1:5555", "tcp://[::1]:*", "ipc:///tmp/masks")),
        *((open_to, False) for open_to in ("0.0.0.0", "::", "192.168.1.2", "camera.local")),
        *((open_to, False) for open_to in ("tcp://*:5555", "tcp://eth0:5555", "127.0.0.1.example.org")),
    ],
)
def test_loopback_is_told_from_the_network(address: str, loopback: bool) -> None:
    assert is_loopback(address) is loopback


def test_secrets_show_in_no_error_and_no_repr() -> None:
    shown = parse_config(config(http={"token": "hunter2-hunter2-hunter2"}), "live.yaml")
    assert "hunter2" not in repr(shown)
    assert "hunter2" not in refusal(config(http={"token": ["hunter2"]}))
    assert "hunter2" not in refusal(stream(source={"url": ["rtsp://admin:hunter2@camera/"]}))


def test_unreadable_files_are_named_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing\.yaml: cannot be read: No such file"):
        load_config(tmp_path / "missing.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("streams:\n  - name: [cam\n")
    with pytest.raises(ConfigError, match=r"broken\.yaml:\d: not YAML"):
        load_config(broken)
    broken.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"broken\.yaml: cannot be read"):
        load_config(broken)
