"""Secrets are planted in a config, the environment and the command line of a real server that meets every
trouble it can meet, at debug level; then everything that came out of it is searched."""

from __future__ import annotations

import json
import secrets
import signal
import socket
import traceback
from pathlib import Path
from typing import Any

import pytest
import yaml

from streamtrack.cli import main as cli
from tests.support.planted import NAMES, SOON_S, Found, Run, served


@pytest.fixture(scope="module")
def planted() -> dict[str, str]:
    return {name: f"planted-{name.lower()}-{secrets.token_hex(8)}" for name in NAMES}


def meddle(run: Run, config: Path, rtsp_port: str) -> None:
    """Cameras with passwords, bodies that cannot be, a config that cannot be."""
    password = run.found.planted["ADDED_PASSWORD"]
    address = f"rtsp://user:{password}@127.0.0.1:{rtsp_port}/z"
    assert run.ask("POST", "/streams", json={"name": "added", "source": {"url": address}}) == 201
    assert run.ask("PATCH", "/streams/added", json={"video": {"max_fps": 5}}) == 200
    assert run.ask("POST", "/streams/test", json={"source": {"url": address}}) >= 400
    for body in (
        {"name": password, "source": address},
        {"name": "x", "source": {"url": address, "fps": password}},
        {"name": "x", "source": {"url": f"gopher://user:{password}@h/x"}},
        {"name": "x", password: 1},
    ):
        # A name is no secret to who gave it, so only what the log says of these counts.
        assert run.api.post("/streams", json=body).status_code >= 400
    token = run.found.planted["HTTP_TOKEN"]
    run.ask("GET", "/streams/scene/mjpeg", run.stranger, params={"token": token[:-1]})
    run.stranger.get("/streams", params={"token": token})
    config.write_text(config.read_text().replace("streams:", f"http: {token}\nstreams:", 1))
    run.process.send_signal(signal.SIGHUP)
    run.wait_for_log("config not reloaded")


@pytest.mark.process
@pytest.mark.timeout(300)
def test_planted_secrets_are_found_nowhere(tmp_path: Path, planted: dict[str, str]) -> None:
    found, folder, run_folder = Found(dict(planted)), tmp_path / "given", tmp_path / "run"
    folder.mkdir()
    run_folder.mkdir()
    with served(found, folder, run_folder) as run:
        run.wait_for_log("user or password is wrong")
        assert run.listen() > 0
        meddle(run, folder / "live.yaml", (run_folder / "port").read_text())
        assert run.ask_everything() > 20
        for command in ({"op": "list", "stream": "scene"}, {"op": "list", "stream": "x"}, {"op": "nonsense"}):
            run.command(command)
        run.look_at_processes()
        run.process.send_signal(signal.SIGABRT)
        assert run.process.wait(SOON_S) == -signal.SIGABRT
    kept = [path for path in run_folder.rglob("*") if path.is_file()]
    assert any(path.suffix == ".mp4" for path in kept)
    state = run_folder / "state" / "streams.json"
    assert state.stat().st_mode & 0o077 == 0
    for path in kept:
        found.add(f"file {path.relative_to(run_folder)}", path.read_bytes())
    # The search sees: the name of a stream, which is no secret, is found where it belongs.
    for where in (
        "the log",
        "published message",
        "GET /metrics",
        "GET /streams/scene/config",
        "reply to list",
    ):
        assert found.has(b"scene", where), where
    assert found.has(b"streamtrack", "title of")
    assert b"sealed" in state.read_bytes()  # the password of the camera that was added, for the next start
    assert found.leaks() == []
    assert list(Path.cwd().glob("core*")) == []


BAD_CONFIGS: list[dict[str, Any]] = [
    {"http": "SECRET"},
    {"http": {"token": "SECRET with blank"}},
    {"http": {"port": "SECRET"}},
    {"http": {"hosts": ["https://SECRET/"]}},
    {"http": {"trusted_proxies": ["SECRET"]}},
    {"http": {"tls_key_password": "SECRET"}},
    {"zmq": {"curve": {"server_secret_key": "SECRET"}}},
    {"zmq": {"curve": {"server_public_key": "SECRET", "server_secret_key": "SECRET"}}},
    {"zmq": {"curve": {"viewers": {"a b": "SECRET"}}}},
    {"zmq": {"masks_address": "tcp://SECRET@host"}},
    {"streams": "SECRET"},
    {"streams": [{"name": "rtsp://user:SECRET@camera/x", "source": {"url": "synthetic:demo"}}]},
    {"streams": [{"name": "cam", "source": "rtsp://user:SECRET@camera/x"}]},
    {"streams": [{"name": "cam", "source": {"url": "rtsp://user:SECRET@camera/x", "fps": "SECRET"}}]},
    {"webrtc": {"ice_servers": [{"urls": ["turn:user:SECRET@host"], "credential": "SECRET"}]}},
    {"alerts": {"webhooks": [{"name": "h", "url": "https://user:SECRET@hook/x"}]}},
    {"alerts": {"mqtt": {"host": "mqtt://user:SECRET@broker"}}},
]


@pytest.mark.parametrize("debug", [[], ["--debug"]], ids=["line", "traceback"])
@pytest.mark.parametrize("sections", BAD_CONFIGS, ids=lambda one: json.dumps(one)[:40])
def test_config_with_a_secret_in_a_wrong_place_is_told_without_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], sections: dict[str, Any], debug: list[str]
) -> None:
    secret = f"planted-{secrets.token_hex(8)}"
    raw = {"streams": [{"name": "cam", "source": {"url": "synthetic:demo"}}], **sections}
    path = tmp_path / "live.yaml"
    path.write_text(yaml.safe_dump(raw).replace("SECRET", secret))
    trace = ""
    try:
        code = cli.run([*debug, "serve", str(path)])
    except Exception:
        code, trace = 2, traceback.format_exc()
    out, err = capfd.readouterr()
    assert code == 2
    assert trace or err.count("\n") == 1
    assert secret not in out + err + trace


def test_port_that_is_taken_shows_no_secret_in_its_traceback(tmp_path: Path) -> None:
    secret = f"planted-{secrets.token_hex(8)}"
    raw = {
        "streams": [{"name": "cam", "source": {"url": f"rtsp://user:{secret}@camera.invalid/x"}}],
        "http": {"token": secret},
        "zmq": {"masks_address": "tcp://127.0.0.1:*", "control_address": None},
    }
    with socket.create_server(("127.0.0.1", 0)) as taken:
        raw["http"]["port"] = taken.getsockname()[1]  # type: ignore[index]
        path = tmp_path / "live.yaml"
        path.write_text(yaml.safe_dump(raw))
        with pytest.raises(Exception, match="is in use") as caught:
            cli.run(["--debug", "serve", str(path)])
    assert secret not in "".join(traceback.format_exception(caught.value))
