"""The report on this very machine, and on ports, folders and weights that a test has spoilt."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from streamtrack.cli import doctor
from streamtrack.cli.doctor import Finding, Health, collect_report
from streamtrack.config import HttpConfig, ZmqConfig
from streamtrack.weights import catalog

FREE_HTTP = HttpConfig(port=0)
FREE_ZMQ = ZmqConfig(masks_address="tcp://127.0.0.1:0", control_address=None)


@pytest.fixture
def used_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def topic(name: str, findings: tuple[Finding, ...]) -> list[Finding]:
    return [finding for finding in findings if finding.topic == name]


def test_this_machine_is_usable_and_every_fault_has_a_mend() -> None:
    report = collect_report(FREE_HTTP, FREE_ZMQ)
    assert report.usable
    assert {
        "python",
        "packages",
        "torch",
        "cpu",
        "networks",
        "decoders",
        "encoders",
        "checkpoint",
        "downloads",
    } <= {finding.topic for finding in report.findings}
    assert all(finding.fix for finding in report.findings if finding.health is not Health.OK)
    assert all("\n" not in finding.text for finding in report.findings)
    assert [finding.text for finding in topic("encoders", report.findings)][-2] == "VP8 by libvpx"


def test_port_in_use_is_a_warning_that_names_its_config_key(used_port: int) -> None:
    zmq = ZmqConfig(masks_address=f"tcp://127.0.0.1:{used_port}", control_address="ipc:///nowhere")
    findings = topic("port", collect_report(HttpConfig(port=used_port), zmq).findings)
    assert [finding.health for finding in findings] == [Health.WARNING, Health.WARNING]
    assert (
        findings[0].text == f"{used_port} of 127.0.0.1 cannot be opened: Address already in use (http.port)"
    )
    assert findings[1].fix == "end what uses it, or set zmq.masks_address"


def test_missing_nano_makes_the_machine_unusable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "search_folders", lambda: (tmp_path,))
    report = collect_report(FREE_HTTP, FREE_ZMQ)
    assert not report.usable
    assert topic("checkpoint", report.findings)[0].text == "nano is not there"


def test_truncated_download_is_a_warning_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAMTRACK_CHECKPOINTS", str(tmp_path))
    (tmp_path / "sam2.1_hiera_tiny.pt").write_bytes(b"half")
    (finding,) = [f for f in collect_report(FREE_HTTP, FREE_ZMQ).findings if f.text.startswith("sam2.1-tiny")]
    assert finding.health is Health.WARNING
    assert finding.text.endswith("sam2.1_hiera_tiny.pt: 4 bytes, expected 156008466")
    assert finding.fix == "streamtrack checkpoints get sam2.1-tiny"


def test_download_folder_that_is_a_file_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STREAMTRACK_CHECKPOINTS", str(tmp_path / "file"))
    (finding,) = topic("downloads", collect_report(FREE_HTTP, FREE_ZMQ).findings)
    assert finding.health is Health.WARNING


def test_package_that_cannot_be_imported_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "streamtrack.video.encoder_probe", None)  # import now raises ImportError
    report = collect_report(FREE_HTTP, FREE_ZMQ)
    (finding,) = topic("codecs", report.findings)
    assert finding.health is Health.MISSING
    assert finding.text.startswith("cannot be loaded: import of streamtrack.video.encoder_probe halted")
    assert topic("checkpoint", report.findings)  # the checks after it still ran


def test_command_prints_the_report_and_tries_the_ports_of_a_config(tmp_path: Path, used_port: int) -> None:
    config = tmp_path / "live.yaml"
    config.write_text(
        f"streams: [{{name: cam, source: {{url: 'synthetic:demo'}}}}]\nhttp: {{port: {used_port}}}\n"
    )
    app = typer.Typer()
    app.command()(doctor.doctor)
    result = CliRunner().invoke(app, [str(config)], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    assert f"{used_port} of 127.0.0.1 cannot be opened" in result.output
    assert "-> end what uses it, or set http.port" in result.output
