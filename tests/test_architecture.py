"""House rules that a reader of one file cannot see: who imports whom, how long files are, what leaks."""

from __future__ import annotations

import ast
import collections
import fnmatch
import functools
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

from tests.support.where_tested import COVERED_BY, SUITES

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / "streamtrack"
TESTS = REPOSITORY / "tests"

LAYERS = (
    *("errors", "digits", "error_kinds", "openmp", "allocator", "clock", "object_record", "frame", "prompt"),
    *("consumer", "coco", "mailbox", "signals", "heartbeat", "whole_file", "telemetry"),
    *("weights", "config", "access", "scenes", "ingest", "model", "engine", "tracking", "rules"),
    *("publish", "video", "webrtc", "push", "ptz", "control", "alerts", "history", "recording", "state"),
    *("detect", "http", "pipeline", "offline", "pick", "client", "compat"),
    *("stream_outputs", "archive", "streams", "jobs", "server", "cli"),
)
"""Imports run towards the front: a module or package may import those before it, and itself."""

HOMES = {
    "av": ("ingest.*", "video.*", "push.*", "offline", "offline.*", "recording.*"),
    "torch": ("model.*", "engine.*", "detect.*", "tracking.*", "compat.*"),
    "torchvision": ("model.*",),
    "sam2": ("model.*",),
    "httpx": ("alerts.webhook", "ingest.rtc_http"),
    "shapely": ("rules.*", "config.rules"),
    "zmq": ("publish.zmq_*", "control.zmq_control", "control.sender", "client.*"),
    "aiortc": ("webrtc.*", "ingest.whep_decoder"),
    "uvicorn": ("http.web_server", "http.connections"),
    "typer": ("cli.*",),
    "rich": ("cli.*",),
}
"""Heavy or thread-bound libraries, and the only modules that may import them."""

COMES_WITH = {"hydra": "sam2", "omegaconf": "sam2", "pydantic_core": "pydantic", "starlette": "fastapi"}
"""Imports whose version the declared dependency decides: it hands their objects out."""

MAX_LINES = 350
MAX_CLASS_LINES = 250
"""What is longer has more than one task."""

FOREIGN_PRIVATES = {
    "os._exit": "ends a process whose threads hang in foreign code",
    "torch._dynamo": "marks dimensions; torch has no public name for it",
    "torch._inductor": "ahead-of-time packages; torch has no public name for it",
    "torch._C": "loads such a package without importing the compiler; torch._inductor where it is not there",
    "torch.ops.mkldnn._linear_pointwise": "oneDNN; torch's public functions give it weights only",
    "library._handle": "ctypes' own: its manual names it, so that no function of a library's is hidden",
    "sender._send_keyframe": "aiortc's, checked by webrtc/internals before use",
    "self._receiver._send_rtcp_pli": "aiortc's; tests play through it",
    "sender._handle_rtcp_packet": "aiortc's, checked by webrtc/internals before use",
    "certificate._create_ssl_context": "aiortc's, checked by webrtc/internals before use",
}
"""Private names of other libraries that are used all the same, and why."""

MIN_LINES_TO_TEST = 40
"""Shorter modules are declarations, or are tested with those that use them."""

LEAKS = re.compile(r"(?<![\w.-])/(?:work|root)/\w|\.\./share[d]\b|/tmp/[b]ash")
"""Paths of the machine that a file was written on; nobody else has them."""


def module_name(path: Path) -> str:
    """`model.catalog` of streamtrack/weights/catalog.py; a package's __init__ is the package."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
PARTS = sorted(name for name in MODULES if name)
"""Every module but the package itself, which is the public face and names all of them."""

SOURCES = {
    path.relative_to(PACKAGE).with_suffix("").as_posix(): len(path.read_text(encoding="utf-8").splitlines())
    for path in MODULES.values()
    if path.stem not in ("__init__", "__main__")
}
"""Lines of every module that holds code, by its path."""


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def imported_names(path: Path) -> tuple[str, ...]:
    """Dotted names of all imports, also those inside functions and behind TYPE_CHECKING."""
    names: list[str] = []
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import, expected the full name"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return tuple(names)


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
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    if listing.returncode != 0:
        pytest.skip("not a git checkout")
    return [path for name in listing.stdout.split("\0") if name and (path := REPOSITORY / name).is_file()]


def stand_above(module: str) -> set[str]:
    """Modules that this one imports and may not."""
    layer = module.partition(".")[0]
    allowed = LAYERS[: LAYERS.index(layer) + 1]
    wrong = {name for name in imported_modules(MODULES[module]) if name.partition(".")[0] not in allowed}
    if "streamtrack.__version__" in imported_names(MODULES[module]):
        wrong.discard("")
    return wrong


# One test over all modules, here and below: one for each of six hundred takes longer than what it looks at.
def test_every_module_has_a_layer_and_imports_downward_only() -> None:
    assert {layer for module in PARTS if (layer := module.partition(".")[0]) not in LAYERS} == set()
    assert {module: above for module in PARTS if (above := stand_above(module))} == {}


def test_no_two_modules_import_each_other() -> None:
    # A module and its package's __init__ always meet; what counts is who names whom beside that.
    graph = {name: imported_modules(path) - {"", name} for name, path in MODULES.items() if name}
    order = tuple(graphlib.TopologicalSorter(graph).static_order())  # CycleError names the circle
    assert set(order) >= set(graph)


def test_heavy_libraries_stay_in_their_homes() -> None:
    strays = [
        f"{module} imports {name}, expected in {', '.join(homes)} only"
        for module in PARTS
        for name in imported_names(MODULES[module])
        if (homes := HOMES.get(name.partition(".")[0])) is not None
        and not any(fnmatch.fnmatch(module, home) for home in homes)
    ]
    assert strays == []


def provided_names(distribution: str) -> set[str]:
    """What can be imported where it is installed."""
    installed = importlib.metadata.distribution(distribution)
    listed = (installed.read_text("top_level.txt") or "").split()
    return set(listed or (file.parts[0].partition(".")[0] for file in installed.files or ()))


def test_every_foreign_import_is_a_declared_dependency() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    provided = set().union(*(provided_names(Requirement(line).name) for line in project["dependencies"]))
    undeclared = {
        (module, head)
        for module, path in MODULES.items()
        for head in {name.partition(".")[0] for name in imported_names(path)}
        if head != "streamtrack"
        and head not in sys.stdlib_module_names
        and COMES_WITH.get(head, head) not in provided
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
    assert {name: length for name, length in lengths.items() if length > MAX_LINES} == {}


def class_lengths(tree: ast.AST) -> dict[str, int]:
    """Lines from `class` to the last one of the body, by the class's name."""
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return {node.name: (node.end_lineno or node.lineno) - node.lineno + 1 for node in classes}


def test_classes_fit_a_readers_head() -> None:
    lengths = {
        f"{module}.{name}": length
        for module, path in MODULES.items()
        for name, length in class_lengths(tree_of(path)).items()
    }
    assert len(lengths) > 100
    assert {name for name, length in lengths.items() if length > MAX_CLASS_LINES} == set()


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def own_names(tree: ast.AST) -> Iterator[str]:
    """What a module defines: functions, classes, variables, arguments, and attributes of its own objects."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield name
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name, ctx=ast.Store()):
                yield name


def private_reaches(tree: ast.AST) -> Iterator[str]:
    """Private names of others that a module imports or reads, as they are written."""
    own = {*own_names(tree), "_replace", "_asdict", "_fields"}  # a named tuple's are public by its docs
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="self" | "cls")):
                continue
            case ast.Attribute(attr=name) if is_private(name) and name not in own:
                yield ast.unparse(node)
            case ast.Import(names=names):
                yield from (alias.name for alias in names if any(map(is_private, alias.name.split("."))))
            case ast.ImportFrom(module=module, names=names):
                full = [f"{module}.{alias.name}" for alias in names]
                yield from (name for name in full if any(map(is_private, name.split("."))))


def test_private_names_of_others_are_left_alone() -> None:
    wrong = {
        f"{module}: {name}"
        for module in PARTS
        for name in private_reaches(tree_of(MODULES[module]))
        if not any(f"{name}.".startswith(f"{known}.") for known in FOREIGN_PRIVATES)
    }
    assert wrong == set()


@pytest.mark.parametrize(
    ("code", "reaches"),
    [
        ("from streamtrack.frame import _hidden", {"streamtrack.frame._hidden"}),
        ("import torch._dynamo", {"torch._dynamo"}),
        ("def f(session):\n    return session._bank.read()", {"session._bank"}),
        ("class A:\n    def f(self, other):\n        self._x = other._x", set()),
        ("from streamtrack import __version__", set()),
        ("_here = 1\nprint(_here, self._there)", set()),
    ],
)
def test_private_reaches_are_found(code: str, reaches: set[str]) -> None:
    assert set(private_reaches(ast.parse(code))) == reaches


def test_no_line_is_kept_from_the_formatter() -> None:
    pattern = re.compile(r"# fmt: (?:skip|off)")
    kept = [module for module, path in MODULES.items() if pattern.search(path.read_text(encoding="utf-8"))]
    assert kept == []


def test_every_test_file_is_named_after_what_it_tests() -> None:
    unknown = []
    modules = collections.defaultdict(set)
    for module in SOURCES:
        modules[Path(module).parent].add(module.rpartition("/")[2])
    for path in TESTS.rglob("test_*.py"):
        folder, name = path.parent.relative_to(TESTS), path.stem.removeprefix("test_")
        if folder.parts[:1] in (("bench",), ("training",), ("examples",), ("faults",), ("fuzz",)):
            continue  # not of the package
        if name == folder.name or any(f"{name}_".startswith(f"{one}_") for one in modules[folder]):
            continue
        if (folder / name).as_posix() not in SUITES:
            unknown.append(str(path.relative_to(REPOSITORY)))
    assert unknown == [], "expected the name of a module, or a line in SUITES"


def test_every_module_is_tested_by_a_file_of_its_name_or_by_the_one_listed() -> None:
    files = {path.relative_to(TESTS).with_suffix("").as_posix() for path in TESTS.rglob("test_*.py")}
    named = {str(Path(name).parent / Path(name).name.removeprefix("test_")) for name in files}
    unnamed = {module for module in SOURCES if module not in named}
    listed = [pattern for patterns in COVERED_BY.values() for pattern in patterns]
    assert COVERED_BY.keys() <= files, "test files that are no more"
    for pattern in listed:
        assert fnmatch.filter(unnamed, pattern), f"{pattern} is listed for nothing"
    long = {module for module in unnamed if SOURCES[module] > MIN_LINES_TO_TEST}
    untested = {one for one in long if not any(fnmatch.fnmatch(one, pattern) for pattern in listed)}
    assert untested == set()


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
