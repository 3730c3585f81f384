"""A contender of `bench peers` in a process of its own, which sleeps while another has its turn."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from bench.peers.contender import CONTENDERS, BoolMasks, Case
from bench.report import refuse

PEERS_PYTHON = Path(__file__).parents[1] / ".venv-peers" / "bin" / "python"


class Player:
    """One contender's process."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.entry = CONTENDERS[name]
        self.weights = ""
        self._process: subprocess.Popen[str] | None = None

    def start(self, case: Case) -> str | None:
        """Start it on a case, without waiting until it is ready; says why where it cannot take part."""
        python = Path(sys.executable)
        if self.entry.own_environment:
            python = PEERS_PYTHON
            if not python.is_file():
                return "needs packages of its own: run `make peers`"
        self._process = subprocess.Popen(
            [str(python), "-m", "bench.peers.worker", self.name],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if "BENCH_DEBUG" not in os.environ else None,
            text=True,
            # passive: a process whose turn is over must not spin on a core
            env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "TQDM_DISABLE": "1", "PYTHONWARNINGS": "ignore"},
        )
        self._tell("start", case=asdict(case))
        return None

    def wait_until_ready(self) -> str | None:
        """Says why where it cannot take part."""
        answer = self._hear("start")
        self.weights = answer.get("weights", "")
        refused: str | None = answer.get("refused")
        return refused

    def ask(self, what: str, **arguments: Any) -> dict[str, Any]:
        """The answer to one command."""
        self._tell(what, **arguments)
        return self._hear(what)

    def _tell(self, what: str, **arguments: Any) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        print(json.dumps({"do": what, **arguments}), file=self._process.stdin, flush=True)

    def _hear(self, what: str) -> dict[str, Any]:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            said = process.communicate()[1] or ""
            refuse(f"{self.name}: ended during '{what}': {' '.join(said.strip().splitlines()[-1:])}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def masks(self) -> BoolMasks:
        """Of its newest frame."""
        answer = self.ask("masks")
        bits = np.frombuffer(base64.b64decode(answer["bits"]), np.uint8)
        count = int(np.prod(answer["shape"]))
        return np.unpackbits(bits, count=count).reshape(answer["shape"]).astype(np.bool_)

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
