"""Files that say who may come in: damaged ones let nobody in, in a line."""

from __future__ import annotations

import json
import os
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from streamtrack.access.curve_file import CurveFile
from streamtrack.access.key_file import KeyFile
from streamtrack.access.roles import Role
from streamtrack.errors import ConfigError
from tests.fuzz.amount import amount, dice
from tests.fuzz.cost import check_cost
from tests.fuzz.mutate import changed_value, damaged
from tests.fuzz.refused import taken

CLIENTS = {
    "version": 1,
    "clients": [
        {"name": "robot", "role": "control", "public_key": "a" * 40},
        {"name": "wall", "role": "view", "public_key": "b" * 40},
    ],
}


def odd_json(value: Any, rng: random.Random) -> bytes:
    text = json.dumps(changed_value(value, rng)).encode()
    return damaged(text, rng) if rng.random() < 0.4 else text


def put(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    os.chmod(path, 0o600)


def test_odd_file_of_curve_clients_is_read_or_refused(tmp_path: Path) -> None:
    rng, path, num_read = dice("curve"), tmp_path / "clients.json", 0
    for _ in range(amount(150, 10_000)):
        data = odd_json(CLIENTS, rng)
        put(path, data)
        num_read += taken(lambda: CurveFile(path).read(), ConfigError, what=data)
    assert num_read > 0


def test_odd_file_of_keys_is_read_or_refused(tmp_path: Path) -> None:
    rng, path, num_read = dice("keys"), tmp_path / "keys.json", 0
    made = KeyFile(path)
    made.make("robot", Role.CONTROL, datetime.now(UTC))
    made.make("wall", Role.VIEW, datetime.now(UTC), datetime.now(UTC) + timedelta(days=1))
    sound = json.loads(path.read_bytes())
    for _ in range(amount(150, 10_000)):
        data = odd_json(sound, rng)
        put(path, data)
        num_read += taken(lambda: KeyFile(path).read(), ConfigError, what=data)
    assert num_read > 0


def test_file_of_curve_clients_costs_what_its_size_is_worth(tmp_path: Path) -> None:
    path = tmp_path / "clients.json"

    def read(data: bytes) -> None:
        put(path, data)
        taken(lambda: CurveFile(path).read(), ConfigError)

    def of_clients(count: int) -> bytes:
        lines = [{"name": f"c{n}", "role": "view", "public_key": f"{n:040}"} for n in range(count)]
        return json.dumps({"version": 1, "clients": lines}).encode()

    check_cost(of_clients, read, (1_000, 2_000, 4_000), "clients")
    check_cost(lambda n: b'{"version": ' * n, read, (2_000, 4_000, 8_000), "depth")
