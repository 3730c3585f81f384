"""What CI asks of known vulnerabilities: of a database that answers, and of one that is away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.support.ingest import http_server

AUDIT = Path(__file__).resolve().parents[1] / ".ci" / "audit"
LOCK = "idna==3.4 \\\n    --hash=sha256:" + "0" * 64 + "\n"
FOUND = {
    "id": "PYSEC-2024-60",
    "summary": "slow",
    "details": "slow",
    "modified": "2024-07-01T00:00:00Z",
    "affected": [{"package": {"name": "idna", "ecosystem": "PyPI"}, "versions": ["3.4"]}],
}


class Database(BaseHTTPRequestHandler):
    """Answers as OSV does; it knows one vulnerability."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        known = asked.get("package", {}).get("name") == "idna" and self.path == "/bad"
        body = json.dumps({"vulns": [FOUND]} if known else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def audit(service: str, lock: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "AUDIT_SERVICE": service, "AUDIT_LOCKS": str(lock), "no_proxy": "127.0.0.1"}
    command = [str(AUDIT), str(Path(sys.executable).parent)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=env)


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "some.lock"
    path.write_text(LOCK, encoding="utf-8")
    return path


@pytest.mark.needs_program("curl")
def test_database_that_is_away_is_told_in_one_line_and_no_failure(lock: Path) -> None:
    ran = audit("http://127.0.0.1:9/v1/query", lock)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.splitlines() == [
        "audit: http://127.0.0.1:9/v1/query cannot be reached, so nothing was asked of known vulnerabilities"
    ]


@pytest.mark.needs_program("curl")
@pytest.mark.parametrize(("place", "fails"), [("good", False), ("bad", True)])
def test_finding_fails_and_is_named(place: str, fails: bool, lock: Path) -> None:
    with http_server(Database) as port:
        ran = audit(f"http://127.0.0.1:{port}/{place}", lock)
    assert (ran.returncode != 0) is fails, ran.stdout + ran.stderr
    assert ("PYSEC-2024-60" in ran.stdout) is fails
