"""Texts that a person or a browser writes: configs, prompts, options, offers of WebRTC."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from streamtrack.config.overrides import apply_override, parse_assignment
from streamtrack.config.resolve import load_config, parse_config
from streamtrack.config.yaml_file import parse_yaml
from streamtrack.errors import ConfigError, NoCommonCodecError, PromptError, PublishError, StreamTrackError
from streamtrack.offline.prompts import parse_labels, parse_prompt_set
from streamtrack.offline.prompts_file import read_prompts_file
from streamtrack.streams.given import parse_stream
from streamtrack.webrtc.sdp_fragment import read_fragment, ufrags_of
from streamtrack.webrtc.sdp_offer import answer_to, check_offer, choose_codec, readable_offer
from tests.fuzz.amount import amount, dice
from tests.fuzz.cost import check_cost
from tests.fuzz.mutate import ODD_VALUES, changed_value, damaged
from tests.fuzz.offers import BROWSER_OFFER, FRAGMENT
from tests.fuzz.refused import taken

REPOSITORY = Path(__file__).resolve().parents[2]
CONFIGS = sorted((REPOSITORY / "configs").glob("*.yaml"))
TEXTS = [path.read_bytes() for path in CONFIGS]
FULL_CONFIG: dict[str, Any] = {
    "streams": [
        {
            "name": "gate",
            "source": {
                "url": "rtsp://user:hunter2@10.0.0.7/live",
                "pace": "newest",
                "crop": [0, 0, 640, 360],
            },
            "prompts": [{"object_id": 1, "points": [[210, 350]], "labels": [1], "label": "cup"}],
            "tracking": {"max_objects": 8, "window": "auto"},
            "video": {"max_viewers": 4},
            "rules": {
                "zones": [{"name": "yard", "points": [[0, 0], [100, 0], [100, 100]], "loiter_ms": 500}],
                "lines": [{"name": "door", "points": [[0, 0], [100, 0]]}],
                "scale": {"pixels_per_metre": 50},
            },
            "recording": {"mode": "events", "kinds": ["entered"]},
            "push": [{"url": "rtmp://10.0.0.9/live/key"}],
            "ptz": {"host": "10.0.0.7", "user": "admin", "password": "hunter2"},
        }
    ],
    "model": {"name": "nano", "device": "cpu", "threads": 1},
    "http": {"port": 0, "token": "0123456789abcdefgh", "cors_origins": ["https://a.example"]},
    "zmq": {"masks_address": "tcp://127.0.0.1:*", "control_address": None},
    "alerts": {"webhooks": [{"name": "hook", "url": "https://a.example/h", "secret": "0123456789abcdef"}]},
    "cameras": {"allow_hosts": ["10.0.0.0/8"], "max_streams": 4},
    "archive": {"folder": "archive", "keep_days": 3},
    "jobs": {"max_waiting": 2},
    "webrtc": {"ice_servers": [{"urls": ["stun:stun.example:3478"]}]},
}
SECRETS = ("hunter2", "0123456789abcdef")
PROMPTS = (
    b"prompts:\n- {object_id: 1, label: player, points: [[210, 350], [230, 300]], labels: [1, 0]}\n"
    b"- {object_id: 2, box: [40, 60, 200, 240], at_frame: 30, first_frame: 30, last_frame: 90}\n"
    b"- {object_id: 3, mask: ball.png}\n"
)
OPTIONS = (
    b"2:210,350@40..90",
    b"1:10,20,30,40@0",
    b"210,350",
    b"3:ball.png@4..",
    b"2=player",
    b"a.b.0.c=[1, 2]",
)


def odd_text(rng: random.Random, sound: list[bytes]) -> str:
    return damaged(rng.choice(sound), rng, sound).decode("utf-8", "replace")


def odd_word(rng: random.Random, sound: list[bytes]) -> str:
    """A text of the command line, which shows what was typed: line ends are the shell's."""
    return " ".join(odd_text(rng, sound).split())


def test_damaged_config_file_is_taken_or_refused_in_a_line(tmp_path: Path) -> None:
    rng, path = dice("config-text"), tmp_path / "fuzzed.yaml"
    for _ in range(amount(80, 8_000)):
        data = damaged(rng.choice(TEXTS), rng, TEXTS)
        path.write_bytes(data)
        taken(lambda: load_config(path), ConfigError, what=data)


def test_what_is_changed_is_sound() -> None:
    parse_config(FULL_CONFIG, "fuzzed")


def test_config_with_odd_values_is_taken_or_refused_without_its_secrets() -> None:
    rng = dice("config-values")
    for _ in range(amount(300, 60_000)):
        raw = changed_value(FULL_CONFIG, rng)
        taken(lambda raw=raw: parse_config(raw, "fuzzed"), ConfigError, what=raw)  # type: ignore[misc]
        stream = changed_value(FULL_CONFIG["streams"][0], rng)
        taken(lambda stream=stream: parse_stream(stream), ConfigError, what=stream)  # type: ignore[misc]
        try:
            parse_config(raw, "fuzzed")
        except ConfigError as error:
            told = str(error)
            assert not any(word in told for word in SECRETS), (told, raw)


@settings(max_examples=amount(12, 3_000))
@given(
    st.recursive(
        st.sampled_from(ODD_VALUES) | st.text(max_size=8) | st.integers() | st.floats(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
        max_leaves=12,
    )
)
def test_any_values_are_a_config_or_refused(raw: Any) -> None:
    for value in (raw, {"streams": raw}, {"streams": [raw]}, {**FULL_CONFIG, "http": raw}):
        taken(lambda value=value: parse_config(value, "fuzzed"), ConfigError, what=value)  # type: ignore[misc]


def test_odd_options_are_taken_or_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng, sound = dice("options"), list(OPTIONS)
    for _ in range(amount(300, 30_000)):
        text = odd_word(rng, sound)
        for read in (
            lambda t: parse_prompt_set([t]),
            lambda t: parse_prompt_set(boxes=[t]),
            lambda t: parse_prompt_set(masks=[t]),
            lambda t: parse_labels([t]),
            lambda t: apply_override(FULL_CONFIG, parse_assignment(t)),
        ):
            taken(lambda read=read, text=text: read(text), StreamTrackError, what=text)  # type: ignore[misc]


def test_damaged_prompts_file_is_taken_or_refused(tmp_path: Path) -> None:
    rng, path, sound = dice("prompts"), tmp_path / "prompts.yaml", [PROMPTS]
    values = yaml.safe_load(PROMPTS)
    for _ in range(amount(80, 10_000)):
        if rng.random() < 0.5:
            data = damaged(PROMPTS, rng, sound)
        else:
            data = repr(changed_value(values, rng)).replace("inf", ".inf").encode("utf-8", "replace")
        path.write_bytes(data)
        taken(lambda: read_prompts_file(path), ConfigError, PromptError, what=data)


def read_offer(text: str) -> None:
    check_offer(text)
    choose_codec(text)
    readable_offer(text)
    answer_to(text, text)
    ufrags_of(text)


def test_damaged_offer_and_fragment_are_read_or_refused() -> None:
    rng, sound = dice("sdp"), [BROWSER_OFFER.encode(), FRAGMENT.encode()]
    errors = PublishError, NoCommonCodecError
    for _ in range(amount(200, 30_000)):
        text = odd_text(rng, sound)
        taken(lambda text=text: read_offer(text), *errors, what=text)  # type: ignore[misc]
        taken(lambda text=text: read_fragment(text), *errors, what=text)  # type: ignore[misc]


YAML_SHAPES: dict[str, Any] = {
    "unknown keys": lambda n: "".join(f"k{i}: 1\n" for i in range(n)),
    "one key again": lambda n: "a: 1\n" * n,
    "lists in lists": lambda n: "a: " + "[" * n,
    "items": lambda n: "streams: [" + "1," * n + "]",
    "a long text": lambda n: "a: " + "x" * 8 * n,
    "a long number": lambda n: "a: " + "9" * 8 * n,
    "a long key": lambda n: "x" * 8 * n + ": 1",
    "base 60": lambda n: "a: " + "1:" * n + "1",
    "spaces": lambda n: "a: 'x" + " " * 8 * n + "y",
    "comments": lambda n: "#\n" * 4 * n,
    "documents": lambda n: "---\n" * n,
    "anchors": lambda n: "".join(f"- &a{i} x\n- *a{i}\n" for i in range(n)),
    "merges": lambda n: "a: &a {x: 1}\nb: {<<: [" + "*a," * n + "]}",
    "variables": lambda n: "a: '" + "${" * 4 * n + "'",
    "tags": lambda n: "a: " + "!!str " * n + "x",
}


@pytest.mark.parametrize("shape", YAML_SHAPES)
def test_yaml_costs_what_its_size_is_worth(shape: str) -> None:
    def read(data: bytes) -> None:
        taken(lambda: parse_config(parse_yaml(data.decode(), "fuzzed").value, "fuzzed"), ConfigError)

    check_cost(lambda n: YAML_SHAPES[shape](n).encode(), read, (2_000, 4_000, 8_000), shape)


@pytest.mark.parametrize("first", ["l", "<<"])
def test_anchors_that_unfold_are_refused_early(first: str) -> None:
    if first == "l":
        lines = ["l0: &l0 [x, x, x, x, x, x, x, x, x]"]
        lines += [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]" for i in range(1, 12)]
    else:
        lines = ["m0: &m0 {a: 1}"]
        lines += [f"m{i}: &m{i} {{<<: [{', '.join([f'*m{i - 1}'] * 9)}], b{i}: 1}}" for i in range(1, 12)]
    text = "\n".join(lines)
    check_cost(
        lambda n: text.encode(),
        lambda data: taken(lambda: parse_yaml(data.decode(), "fuzzed"), ConfigError),
        (1, 1),
        f"{first} unfolded",
    )


RULE_SHAPES: dict[str, Any] = {
    "points": lambda n: {"kind": "zone", "name": "z", "points": [[i, i * i % 97] for i in range(n)]},
    "self-crossing": lambda n: {
        "kind": "zone",
        "name": "z",
        "points": [[(i * 7919) % 1000, (i * 104729) % 1000] for i in range(n)],
    },
    "line": lambda n: {"kind": "line", "name": "l", "points": [[i, i % 2] for i in range(n)]},
    "classes": lambda n: {
        "kind": "zone",
        "name": "z",
        "points": [[0, 0], [9, 0], [9, 9]],
        "classes": [f"no{i}" for i in range(n)],
    },
}


@pytest.mark.parametrize("shape", RULE_SHAPES)
def test_zones_and_lines_cost_what_their_size_is_worth(shape: str) -> None:
    def read(data: bytes) -> None:
        rules = [yaml.load(data, yaml.CSafeLoader)]
        kind = rules[0]["kind"]
        raw = {"name": "cam", "source": {"url": "synthetic:demo"}, "rules": {f"{kind}s": rules}}
        taken(lambda: parse_stream(raw), ConfigError)

    check_cost(lambda n: repr(RULE_SHAPES[shape](n)).encode(), read, (500, 1_000, 2_000), shape)


def test_many_rules_cost_what_their_number_is_worth() -> None:
    def read(data: bytes) -> None:
        count = len(data) // 100
        lines = [{"name": f"l{i}", "points": [[0, 0], [9, i + 1]]} for i in range(count)]
        raw = {"name": "cam", "source": {"url": "synthetic:demo"}, "rules": {"lines": lines}}
        taken(lambda: parse_stream(raw), ConfigError)

    check_cost(lambda n: b"x" * 100 * n, read, (500, 1_000, 2_000), "rules")


SDP_SHAPES: dict[str, Any] = {
    "candidates": lambda n: (
        BROWSER_OFFER
        + "".join(f"a=candidate:{i} 1 udp 2122260223 127.0.0.1 {1024 + i} typ host\r\n" for i in range(n))
    ),
    "sections": lambda n: BROWSER_OFFER + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n" * n,
    "formats": lambda n: BROWSER_OFFER + "".join(f"a=rtpmap:{i} H264/90000\r\n" for i in range(n)),
    "parameters": lambda n: BROWSER_OFFER + "a=fmtp:96 " + "a=b;" * 4 * n + "\r\n",
    "a long line": lambda n: BROWSER_OFFER + "a=" + "x" * 16 * n + "\r\n",
    "blanks": lambda n: BROWSER_OFFER + "a=rtpmap:96" + " " * 16 * n + "\r\n",
    "ufrags": lambda n: BROWSER_OFFER + "a=ice-ufrag:abcd\r\n" * n,
    "bundle": lambda n: BROWSER_OFFER + "a=group:BUNDLE" + " 0" * 8 * n + "\r\n",
}


@pytest.mark.parametrize("shape", SDP_SHAPES)
def test_offer_costs_what_its_size_is_worth(shape: str) -> None:
    def read(data: bytes) -> None:
        text = data.decode()
        taken(lambda: read_offer(text), PublishError, NoCommonCodecError)
        taken(lambda: read_fragment(text), PublishError)

    check_cost(lambda n: SDP_SHAPES[shape](n).encode(), read, (1_000, 2_000, 4_000), shape)
