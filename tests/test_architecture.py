"""House rules that a reader of one file cannot see: who imports whom, how long files are, what leaks."""

from __future__ import annotations

import ast
import fnmatch
import graphlib
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / "streamtrack"

LAYERS = (
    *("errors", "openmp", "clock", "object_record", "frame", "prompt", "consumer", "coco", "mailbox"),
    "telemetry",
    *("weights", "config", "scenes", "ingest", "model", "engine", "tracking"),
    *("publish", "video", "webrtc", "control", "detect", "http", "pipeline", "offline", "client"),
    *("stream_outputs", "server", "cli"),
)
"""Imports run towards the front: a module or package may import those before it, and itself."""

HOMES = {
    "av": ("ingest.*", "video.*", "offline", "offline.*"),
    "torch": ("model.*", "engine.*", "detect.*", "tracking.*"),
    "torchvision": ("model.*",),
    "sam2": ("model.*",),
    "zmq": ("publish.zmq_*", "control.zmq_control", "client.*"),
    "aiortc": ("webrtc.*",),
    "uvicorn": ("http.web_server", "http.connections"),
    "typer": ("cli.*",),
    "rich": ("cli.*",),
}
"""Heavy or thread-bound libraries, and the only modules that may import them."""

COMES_WITH = {"hydra": "sam2", "omegaconf": "sam2", "pydantic_core": "pydantic", "starlette": "fastapi"}
"""Imports whose version the declared dependency decides: it hands their objects out."""

MAX_LINES = 400
LONGER_FILES: dict[str, str] = {}
"""Files over MAX_LINES, each with the reason why two would be worse."""

LEAKS = re.compile(r"(?<![\w.-])/(?:work|root)/\w|\.\./share[d]\b|/tmp/[b]ash")
"""Paths of the machine that a file was written on; nobody else has them."""


def module_name(path: Path) -> str:
    """`model.catalog` of streamtrack/weights/catalog.py; a package's __init__ is the package."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
PARTS = sorted(name for name in MODULES if name)
"""Every module but the package itself, which is the public face and names all of them."""


def imported_names(path: Path) -> Iterator[str]:
    """Dotted names of all imports, also those inside functions and behind TYPE_CHECKING."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import, expected the full name"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_modules(path: Path) -> set[str]:
    """Our own modules that a file imports; the package itself is ''."""
    found = set()
    for name in imported_names(path):
        head, _, rest = name.partition(".")
        if head == "streamtrack":
            found.add(rest if rest in MODULES else rest.rpartition(".")[0])
    return found


def tracked_files() -> list[Path]:
    """What git holds, or would hold."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    if listing.returncode != 0:
        pytest.skip("not a git checkout")
    return [path for name in listing.stdout.split("\0") if name and (path := REPOSITORY / name).is_file()]


@pytest.mark.parametrize("module", PARTS)
def test_module_has_a_layer_and_imports_downward_only(module: str) -> None:
    layer = module.partition(".")[0]
    assert layer in LAYERS, f"{layer} has no place in LAYERS"
    allowed = LAYERS[: LAYERS.index(layer) + 1]
    wrong = {name for name in imported_modules(MODULES[module]) if name.partition(".")[0] not in allowed}
    if "streamtrack.__version__" in imported_names(MODULES[module]):
        wrong.discard("")
    assert not wrong, f"{module} imports {sorted(wrong)}, which stand above it"


def test_no_two_modules_import_each_other() -> None:
    # A module and its package's __init__ always meet; what counts is who names whom beside that.
    graph = {name: imported_modules(path) - {"", name} for name, path in MODULES.items() if name}
    order = tuple(graphlib.TopologicalSorter(graph).static_order())  # CycleError names the circle
    assert set(order) >= set(graph)


@pytest.mark.parametrize("module", PARTS)
def test_heavy_libraries_stay_in_their_homes(module: str) -> None:
    for name in imported_names(MODULES[module]):
        homes = HOMES.get(name.partition(".")[0])
        if homes is not None:
            at_home = any(fnmatch.fnmatch(module, home) for home in homes)
            assert at_home, f"{module} imports {name}, expected in {', '.join(homes)} only"


def test_every_foreign_import_is_a_declared_dependency() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {canonicalize_name(Requirement(line).name) for line in project["dependencies"]}
    providers = importlib.metadata.packages_distributions()
    undeclared = {
        (module, head)
        for module, path in MODULES.items()
        for head in {name.partition(".")[0] for name in imported_names(path)}
        if head != "streamtrack"
        and head not in sys.stdlib_module_names
        and declared.isdisjoint(map(canonicalize_name, providers.get(COMES_WITH.get(head, head), ())))
    }
    assert not undeclared


@pytest.mark.parametrize("module", ["streamtrack", "streamtrack.client", "streamtrack.weights.catalog"])
def test_light_modules_do_not_load_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


def test_files_fit_a_readers_head() -> None:
    files = [path for path in tracked_files() if path.suffix in (".py", ".js", ".css", ".html")]
    lengths = {str(path.relative_to(REPOSITORY)): len(path.read_bytes().splitlines()) for path in files}
    assert len(lengths) > 50
    assert {name for name, length in lengths.items() if length > MAX_LINES} == set(LONGER_FILES)
    assert all(LONGER_FILES.values())


def test_no_path_of_a_developers_machine_leaks() -> None:
    leaks = []
    for path in tracked_files():
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue  # weights, pictures, clips
        leaks += [
            f"{path.relative_to(REPOSITORY)}:{i}" for i, line in enumerate(lines, 1) if LEAKS.search(line)
        ]
    assert not leaks


@pytest.mark.parametrize(
    ("line", "leaks"),
    [
        ("cp " + "/wo" + "rk/main/x", True),
        ("see ../sh" + "ared/README", True),
        ("training/wo" + "rk/", False),
        ("https://example.org/wo" + "rk/x", False),
    ],
)
def test_leak_pattern_finds_paths_and_only_paths(line: str, leaks: bool) -> None:
    assert bool(LEAKS.search(line)) is leaks
