"""The command line as users meet it: one clear line and exit code 2 for what is wrong, and a clean end."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import save_file

from streamtrack.cli import main as cli
from streamtrack.cli.options import flag_overrides
from streamtrack.cli.serve import SCENES, demo_config, free_port
from streamtrack.config import ModelConfig, live_threads
from streamtrack.config.resolve import resolve
from streamtrack.config.yaml_file import Document
from streamtrack.errors import CheckpointError, ConfigError
from streamtrack.http.web_server import bind_http
from streamtrack.model.chosen import check_model
from streamtrack.scenes.catalog import SCENES as KNOWN_SCENES
from streamtrack.weights.catalog import find_checkpoint, get_entry
from tests.support.process import START_S, streamtrack

SCENE_FILE = "synthetic:leave?width=320&height=180&frames=2"


@pytest.fixture
def used_port() -> Iterator[int]:
    with bind_http("127.0.0.1", 0) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def folder(tmp_path: Path, used_port: int) -> Path:
    """Everything that a user can get wrong, as files."""
    nano = find_checkpoint(get_entry("nano"))
    assert nano is not None
    (tmp_path / "truncated.safetensors").write_bytes(nano.read_bytes()[:100_000])
    (tmp_path / "garbage.pt").write_bytes(b"no weights" * 1000)
    save_file({"conv.weight": torch.zeros(3, 3)}, tmp_path / "other.safetensors")
    shutil.copy(nano, tmp_path / "nano.safetensors")
    (tmp_path / "text.mp4").write_text("not a video\n" * 100)
    cv2.imwrite(str(tmp_path / "small.png"), np.full((10, 10), 255, np.uint8))

    def config(name: str, source: dict[str, object] | None = None, **sections: object) -> None:
        stream = {"name": "cam", "source": {"url": "synthetic:demo", **(source or {})}}
        (tmp_path / name).write_text(yaml.safe_dump({"streams": [stream], **sections}))

    config("unknown_key.yaml", colour="red")
    config("wrong_unit.yaml", {"read_timeout_s": 5})
    config("not_ms.yaml", {"read_timeout_ms": "5s"})
    config("no_file.yaml", {"url": "nowhere.mp4"})
    config("text.yaml", {"url": str(tmp_path / "text.mp4")})
    (tmp_path / "twice.yaml").write_text("streams: []\nstreams: []\n")
    config("port.yaml", http={"port": used_port})
    zmq = {"masks_address": f"tcp://127.0.0.1:{used_port}", "control_address": None}
    config("zmq_port.yaml", zmq=zmq, http={"port": 0})
    config("open.yaml", http={"host": "0.0.0.0"})
    config(
        "other_model.yaml", model={"name": "sam2.1-tiny", "checkpoint": str(tmp_path / "nano.safetensors")}
    )
    return tmp_path


BAD_INPUT = {
    "unknown model": (f"track {SCENE_FILE} --point 9,9 --model nanoo", "nanoo"),
    "truncated checkpoint": (f"track {SCENE_FILE} --point 9,9 --model truncated.safetensors", "truncated."),
    "checkpoint of garbage": (f"track {SCENE_FILE} --point 9,9 --model garbage.pt", "garbage.pt"),
    "another architecture": (f"track {SCENE_FILE} --point 9,9 --model other.safetensors", "other."),
    "another model's checkpoint": ("serve other_model.yaml --port 0", "nano.safetensors"),
    "unknown key": ("serve unknown_key.yaml", "unknown_key.yaml: unknown key colour"),
    "wrong unit": ("serve wrong_unit.yaml", "read_timeout_s, expected read_timeout_ms?"),
    "unit in the value": ("serve not_ms.yaml", "read_timeout_ms is '5s': input should be a valid integer"),
    "missing config": ("serve nope.yaml", "nope.yaml: cannot be read: No such file"),
    "missing source": ("serve no_file.yaml --port 0", "nowhere.mp4: no such file"),
    "file that is no video": ("serve text.yaml --port 0", "text.mp4"),
    "file that is no video, offline": ("track text.mp4 --point 9,9", "text.mp4"),
    "unknown scene": ("track synthetic:nope --point 9,9", "unknown scene 'nope'"),
    "point outside the frame": (
        f"track {SCENE_FILE} --point 9000,10",
        "point 0 is (9000, 10), expected inside the frame of 320",
    ),
    "empty box": (f"track {SCENE_FILE} --box 9,9,9,20", "box is (9, 9, 9, 20), expected x0 < x1 and y0 < y1"),
    "mask of another size": (
        f"track {SCENE_FILE} --mask small.png",
        "mask has shape (10, 10), expected (180, 320) as the frame",
    ),
    "no prompt": (f"track {SCENE_FILE}", "no prompt is given"),
    "prompt that cannot be read": (f"track {SCENE_FILE} --point a", "--point is 'a', expected"),
    "port in use": ("serve port.yaml", "is in use, expected a free one"),
    "port in use, explicit": ("demo --port USED", "is in use, expected a free one"),
    "zmq port in use": ("serve zmq_port.yaml", "zmq.masks_address"),
    "open door": ("serve open.yaml", "http.host 0.0.0.0 is open to the network and http.token is not set"),
    "url for several streams": ("serve MULTI --url synthetic:demo", "expected one stream in the config"),
    "unknown model, live": ("serve synthetic:demo --model nosuch", "nosuch"),
    "no GPU": ("demo --device cuda", "model.device is cuda, but there is none on this machine"),
    "unknown scene, live": ("demo --scene nope", "expected one of: demo, crossing, occlusion, many, leave"),
    "weights that are none": (f"track {SCENE_FILE} --point 9,9 --model /etc/passwd", "/etc/passwd: "),
    "target that is nothing": ("serve nowhere", "nowhere: no such file, expected a config (.yaml), a video"),
    "target that is a password": ("serve user:hunter2@camera", "the source is no file and has no scheme"),
    "video by itself that is none": ("serve text.mp4", "text.mp4"),
    "wrong assignment": ("serve synthetic:demo --set model.presett=fast", "unknown key model.presett"),
    "preset that is none": ("demo --preset quick", "--preset"),
    "key twice": ("serve twice.yaml", "twice.yaml:2: the key streams is there twice, first in line 1"),
    "config of a missing file": ("config nope.yaml", "nope.yaml: cannot be read: No such file"),
    "user of one letter": ("serve u:hunter2@camera", "no such file"),
    "recording that is a password": ("track u:hunter2@camera --point 1,1 --out nowhere", "no such file"),
    "extra argument": ("serve open.yaml rtsp://admin:hunter2@camera/", "unexpected extra argument"),
    "url as a command": ("rtsp://admin:hunter2@camera/", "No such command"),
    "token as a port": ("demo --port hunter2-hunter2", "'--port'"),
    "unknown command": ("frobnicate", "No such command 'frobnicate'"),
    "unknown option": ("demo --nope", "No such option: --nope"),
    "duration that is none": ("demo --duration soon", "--duration"),
    "unknown checkpoint": ("checkpoints get nope", "nope"),
}
IN_A_PROCESS_OF_ITS_OWN = ("port in use",)
"""The same code as the others, and the interpreter's end with it; starting it takes seconds, so not for
all."""


def one_line(error: str) -> str:
    lines = error.splitlines()
    assert len(lines) == 1, f"expected one line and got:\n{error}"
    assert lines[0].startswith("streamtrack: error: ")
    return lines[0]


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_one_line_and_exit_code_2(
    case: str,
    folder: Path,
    used_port: int,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    command, expected = BAD_INPUT[case]
    multi = Path(__file__).parents[2] / "configs" / "multi-camera.yaml"
    arguments = command.replace("USED", str(used_port)).replace("MULTI", str(multi)).split()
    monkeypatch.chdir(folder)
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    assert cli.run(arguments) == cli.EXIT_ERROR
    assert handlers == (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM))
    shown = capfd.readouterr()
    assert expected in one_line(without_progress(shown.err))
    assert "hunter2" not in shown.err + shown.out
    assert "page" not in shown.out, "the page's address is told before what is wrong"


@pytest.mark.parametrize("case", IN_A_PROCESS_OF_ITS_OWN)
def test_bad_input_ends_the_process_with_exit_code_2(case: str, folder: Path) -> None:
    command, expected = BAD_INPUT[case]
    ended = subprocess.run(
        streamtrack(*command.split()),
        capture_output=True,
        text=True,
        timeout=START_S,
        cwd=folder,
        check=False,
    )
    assert ended.returncode == cli.EXIT_ERROR
    assert expected in one_line(without_progress(ended.stderr))
    assert "Traceback" not in ended.stderr + ended.stdout


def without_progress(error: str) -> str:
    """Without the progress bar, which a terminal would draw over."""
    return "\n".join(line for line in error.splitlines() if line.strip() and not line.startswith("tracking "))


def test_debug_shows_where_an_error_came_from(folder: Path) -> None:
    with pytest.raises(ConfigError):
        cli.run(["--debug", "serve", str(folder / "nope.yaml")])


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--version"]) == 0
    assert re.fullmatch(r"streamtrack \d+\.\d+\.\d+\n", capsys.readouterr().out)
    assert cli.run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(command in shown for command in ("demo", "serve", "track", "checkpoints", "doctor"))
    assert cli.run([]) == cli.EXIT_ERROR
    captured = capsys.readouterr()
    assert "demo" in captured.out + captured.err, "without a command the help is shown"


def test_options_stand_above_the_config() -> None:
    flags = flag_overrides(port=0, model="sam2.1-tiny", device="cpu", settings=["source.url=synthetic:leave"])
    config = demo_config(flags=flags).config
    assert config.streams[0].source.url == "synthetic:leave"
    assert config.http.port == 0
    assert config.model == ModelConfig(name="sam2.1-tiny", device="cpu", threads=live_threads())
    assert demo_config(flags=flag_overrides()).config == demo_config().config


def test_weights_file_as_model_names_its_architecture(folder: Path) -> None:
    config = demo_config(flags=flag_overrides(model=str(folder / "nano.safetensors"))).config
    chosen = check_model(config.model)
    assert (chosen.name, chosen.checkpoint) == ("nano", folder / "nano.safetensors")
    with pytest.raises(CheckpointError, match=r"other\.safetensors"):
        check_model(ModelConfig(name=str(folder / "other.safetensors")))


def test_help_names_every_scene() -> None:
    assert ", ".join(KNOWN_SCENES) == SCENES


def test_free_port_is_the_wished_one_unless_taken(used_port: int) -> None:
    assert free_port("127.0.0.1", used_port) != used_port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert free_port("127.0.0.1", port) == port


def test_track_writes_its_files(tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["track", SCENE_FILE, "--point", "7:70,120", "--object", "7=ball", "--out", str(out)]
    assert cli.run(arguments) == 0
    assert sorted(path.name for path in out.iterdir()) == [
        "events.jsonl",
        "masks",
        "masks.jsonl",
        "objects.csv",
        "overlay.mp4",
        "streamtrack-files.txt",
    ]
    assert "ball" in (out / "objects.csv").read_text()
    assert cli.run(arguments) == cli.EXIT_ERROR, "an earlier run is not overwritten"
    assert cli.run([*arguments, "--overwrite", "--masks", "none", "--no-overlay"]) == 0
    assert sorted(path.name for path in out.iterdir()) == [
        "events.jsonl",
        "objects.csv",
        "streamtrack-files.txt",
    ]


def test_insecure_is_spelled_out_for_every_door() -> None:
    raw = {
        "streams": [{"name": "cam", "source": {"url": "synthetic:demo"}}],
        "http": {"host": "0.0.0.0"},
        "zmq": {"masks_address": "tcp://*:5555", "control_address": "tcp://*:5556"},
    }
    with pytest.raises(ConfigError, match="--insecure"):
        resolve(Document("live.yaml", raw), flag_overrides())
    config = resolve(Document("live.yaml", raw), flag_overrides(insecure=True)).config
    assert config.http.allow_open
    assert config.zmq.allow_open
