"""A file, a command line and a preset become one config, and it is known which value came from where."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamtrack.client import MaskSubscriber
from streamtrack.config import Config, ModelConfig, Override, fill_in, load_config, load_recording_config
from streamtrack.config.reference import config_reference
from streamtrack.config.resolve import only_url, resolve
from streamtrack.config.yaml_file import parse_yaml
from streamtrack.errors import ConfigError
from tests.support.pipelines import SOON_S, stream_config
from tests.support.servers import serving

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "configs" / "demo.yaml"
TWO_STREAMS = """\
streams:
  - name: gate
    source: {url: "synthetic:demo"}
    tracking: {max_objects: 3}
  - name: yard
    source: {url: "synthetic:demo"}
"""


def resolved(text: str, *overrides: Override | str, live: bool = True) -> Config:
    return resolve(parse_yaml(text, "live.yaml"), overrides, live=live).config


def test_reference_is_what_the_sections_say() -> None:
    written = (ROOT / "docs" / "config.md").read_text(encoding="utf-8")
    assert written == config_reference(), "run: streamtrack config --reference > docs/config.md"


def test_preset_fills_every_stream_and_leaves_alone_what_was_set() -> None:
    config = resolved(TWO_STREAMS, "streams.yard.tracking.keyframe_interval=1", "model.preset=fast")
    gate, yard = config.streams
    assert (gate.tracking.keyframe_interval, gate.tracking.memory_frames) == (4, 3)
    assert (yard.tracking.keyframe_interval, yard.tracking.memory_frames) == (1, 3)
    assert gate.tracking.max_objects == 3


def test_filling_in_again_changes_nothing() -> None:
    config = resolved(TWO_STREAMS, "model.preset=fast")
    assert fill_in(config) == config
    assert config.model.threads is not None
    assert resolved(TWO_STREAMS, live=False).model.threads is None


def test_config_built_in_python_gets_its_preset_too() -> None:
    config = Config(streams=(stream_config(),), model=ModelConfig(preset="balanced"))
    assert fill_in(config).streams[0].tracking.keyframe_interval == 2


def test_origin_of_each_value_is_known() -> None:
    document = parse_yaml(TWO_STREAMS, "live.yaml")
    origins = resolve(document, ("model.preset=fast", Override(("http", "port"), 1, "--port"))).origins
    assert origins["streams", 0, "tracking", "max_objects"] == "live.yaml:4"
    assert origins["streams", 1, "tracking", "memory_frames"] == "preset fast"
    assert origins["model", "preset"] == "--set"
    assert origins["http", "port"] == "--port"
    assert ("http", "host") not in origins


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("model.preset", "--set: expected KEY=VALUE, such as model.preset=fast"),
        ("=1", "--set: expected KEY=VALUE, such as model.preset=fast"),
        ("model..preset=fast", "--set: expected KEY=VALUE, such as model.preset=fast"),
        (f"{'a.' * 2_000}b=1", "--set: expected KEY=VALUE, such as model.preset=fast"),
        (
            f"streams.{'9' * 5_000}.name=x",
            "--set streams.(5000 characters).name: no such stream, expected one of",
        ),
        (
            "model.presett=fast",
            "live.yaml: unknown key model.presett, expected preset?, given by --set",
        ),
        (
            "streams.hall.source.fps=3",
            "--set streams.hall.source.fps: no such stream, expected one of: gate, yard",
        ),
        ("streams.7.source.fps=3", "--set streams.7.source.fps: no such stream, expected one of: gate, yard"),
        ("source.url.host=3", "--set source.url.host: streams.0.source.url holds no keys of its own"),
        ("http.cors_origins=*", "--set http.cors_origins:1: not YAML: "),
        (
            "tracking.max_objects=0",
            "live.yaml: streams.0.tracking.max_objects is 0: "
            "input should be greater than or equal to 1 (and 1 more), given by --set",
        ),
    ],
)
def test_wrong_assignment_is_refused_in_one_line(assignment: str, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        resolved(TWO_STREAMS, assignment)
    assert str(refused.value).startswith(message)
    assert "\n" not in str(refused.value)


def test_url_is_for_the_only_stream() -> None:
    with pytest.raises(ConfigError, match="--url is given, expected one stream in the config and not 2"):
        only_url(parse_yaml(TWO_STREAMS, "live.yaml").value, "x", "--url")


def test_variable_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    text = 'streams: [{name: cam, source: {url: "rtsp://${CAM_USER}:${CAM_PASSWORD}@cam/$${x}"}}]'
    monkeypatch.setenv("CAM_USER", "admin")
    with pytest.raises(
        ConfigError,
        match=r"^live.yaml: streams.0.source.url names the environment variable CAM_PASSWORD, which is not",
    ):
        resolved(text)
    monkeypatch.setenv("CAM_PASSWORD", "hunter2: {")
    assert resolved(text).streams[0].source.url == "rtsp://admin:hunter2: {@cam/${x}"
    with pytest.raises(ConfigError, match=r"model.name holds a \${ without a name, expected \${NAME}"):
        resolved(text, "model.name=${CAM-USER}")


def test_recording_takes_the_other_keys_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "live.yaml"
    path.write_text("model: {preset: fast}\nhttp: {port: 1}\n")
    config = load_recording_config("clip.mp4", path, ["tracking.max_objects=2", "source.fps=5"])
    (stream,) = config.streams
    assert (stream.source.url, stream.source.pace, stream.source.fps) == ("clip.mp4", "every_frame", 5)
    assert (stream.tracking.max_objects, stream.tracking.keyframe_interval) == (2, 4)
    assert config.model.threads is None
    path.write_text(TWO_STREAMS)
    with pytest.raises(ConfigError, match="VIDEO is given, expected one stream in the config and not 2"):
        load_recording_config("clip.mp4", path)


def test_served_preset_carries_three_of_four_frames_by_flow() -> None:
    small = "source.url=synthetic:demo?fps=10&width=320&height=180"
    ports = ["http.port=0", "zmq.masks_address=tcp://127.0.0.1:*", "zmq.control_address=null"]
    config = load_config(DEMO, ["model.preset=fast", "model.device=cpu", "model.threads=1", small, *ports])
    scores: dict[int, list[tuple[float, float]]] = {}
    with serving(config) as server, MaskSubscriber(server.masks_address, "demo") as masks:
        while len(scores) < 13:
            message = masks.receive(int(SOON_S * 1000))
            assert message is not None
            scores[message.frame_idx] = [(o.object_score, o.iou_score) for o in message.objects.values()]
    # A carried frame has its key frame's scores; the network never gives three objects the same ones twice.
    pairs = [(scores[idx], scores[idx + 1]) for idx in scores if idx + 1 in scores]
    assert len(pairs) >= 8, "masks were lost on the way"
    carried = sum(before == after for before, after in pairs)
    assert len(pairs) * 3 // 4 - 1 <= carried <= -(-len(pairs) * 3 // 4) + 1
