"""Who looks, by what a config names: the shipped detector, transformers' models, one's own."""

from __future__ import annotations

import builtins
import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from streamtrack.config import DetectorAutoprompt, GridAutoprompt, MotionAutoprompt
from streamtrack.detect import Detection
from streamtrack.detect.choose import open_detector
from streamtrack.detect.coco_detector import CocoDetector
from streamtrack.detect.grid_detector import GridDetector
from streamtrack.detect.motion_detector import MotionDetector
from streamtrack.errors import ConfigError, StreamTrackError

GREY = np.full((60, 80, 3), 90, np.uint8)


def asked(detector: str, classes: tuple[str, ...] = ("person",), **keys: Any) -> DetectorAutoprompt:
    return DetectorAutoprompt.model_validate({"detector": detector, "classes": classes, **keys})


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Writes a module that holds a detector, and names it."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(body: str, name: str = "make") -> str:
        module = f"own_{abs(hash(body)) % 10**9}"
        (tmp_path / f"{module}.py").write_text(body)
        importlib.invalidate_caches()
        monkeypatch.delitem(sys.modules, module, raising=False)
        return f"python:{module}:{name}"

    return write


def answering(expression: str) -> str:
    return (
        "from streamtrack.detect import Detection\nnan = float('nan')\n"
        f"class Own:\n    def detect(self, image):\n        return {expression}\n"
        "def make():\n    return Own()\n"
    )


def test_each_kind_has_its_own() -> None:
    assert isinstance(open_detector(asked("shipped")), CocoDetector)
    assert isinstance(open_detector(MotionAutoprompt()), MotionDetector)
    assert isinstance(open_detector(GridAutoprompt()), GridDetector)


def test_yaml_mapping_and_spaces_name_the_same() -> None:
    for written in ("python:package:factory", "python: package:factory", {"python": "package:factory"}):
        assert asked(written).detector == "python:package:factory"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    ["yolo", "python:package", "python:a:b:c", "python::make", "python:a:", "transformers:", "python: "],
)
def test_other_names_are_refused(wrong: str) -> None:
    with pytest.raises(ValidationError, match="expected shipped, transformers:NAME or python:MODULE:NAME"):
        asked(wrong)


def test_own_detector_answers_in_either_form_and_is_cut_to_the_picture(own: Any) -> None:
    name = own(answering("[('cat', 0.3, (1, 2, 30, 40)), Detection('person', 0.9, (-5, 10, 200, 20))]"))
    found = open_detector(asked(name)).detect(GREY)
    assert found == [Detection("person", 0.9, (0, 10, 80, 20)), Detection("cat", 0.3, (1, 2, 30, 40))]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("None", "answered NoneType, expected a list of streamtrack.detect.Detection"),
        ("'person'", "answered str, expected a list"),
        ("[3]", "answered a list with int, expected a list"),
        ("[('person', 'high', (0, 0, 9, 9))]", "answered a list with tuple"),
        ("[(7, 0.5, (0, 0, 9, 9))]", "class_name is 7, expected text"),
        ("[('person', 1.5, (0, 0, 9, 9))]", "the score of a person is 1.5, expected 0 to 1"),
        ("[('person', nan, (0, 0, 9, 9))]", "the score of a person is nan, expected 0 to 1"),
        (
            "[('person', 0.5, (9, 0, 0, 9))]",
            r"the box of a person is \(9, 0, 0, 9\), expected x0",
        ),
        ("[('person', 0.5, (0, 0, 9))]", "answered a list with tuple"),
        ("1 / 0", r"detect\(\) raised ZeroDivisionError: division by zero"),
        ("{}['a\\nb']", r"detect\(\) raised KeyError: 'a"),
    ],
)
def test_nonsense_is_refused_in_one_line(own: Any, answer: str, told: str) -> None:
    name = own(answering(answer))
    with pytest.raises(ConfigError, match=rf"^detector {name}: .*{told}[^\n]*$"):
        open_detector(asked(name))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (
            "import nowhere_to_be_found",
            "cannot be imported: ModuleNotFoundError: No module named 'nowhere_to_be_found'",
        ),
        ("raise ModuleNotFoundError", "cannot be imported: ModuleNotFoundError$"),
        ("def make(:", "cannot be imported: SyntaxError: invalid syntax"),
        ("1 / 0", "cannot be imported: ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit('bye')", "cannot be imported: SystemExit: bye"),
        ("raise RuntimeError('two\\nlines')", "cannot be imported: RuntimeError: two lines"),
        ("def make():\n    raise SystemExit(3)", r"make\(\) raised SystemExit: 3"),
        ("class make:\n    detect = 5", r"make\(\) gave make, expected an object with detect\(image\)"),
        ("make = 3", "has nothing to call named 'make'"),
        ("other = 3", "has nothing to call named 'make'"),
        ("def make():\n    return 4", r"make\(\) gave int, expected an object with detect\(image\)"),
        ("def make(path):\n    return 4", r"make\(\) raised TypeError"),
    ],
)
def test_what_is_no_detector_is_refused_in_one_line(own: Any, body: str, told: str) -> None:
    name = own(body)
    with pytest.raises(ConfigError, match=rf"^detector {name}: .*{told}[^\n]*$"):
        open_detector(asked(name))


def test_classes_that_cannot_be_read_are_one_line(own: Any) -> None:
    name = own(answering("[]").replace("class Own:", "class Own:\n    classes = 5"))
    with pytest.raises(ConfigError, match=rf"^detector {name}: its classes raised TypeError: [^\n]*$"):
        open_detector(asked(name))


def test_failure_of_a_later_look_is_one_line_and_its_picture_is_its_own(own: Any) -> None:
    body = (
        "class Own:\n    looks = 0\n    def detect(self, image):\n        self.looks += 1\n"
        "        image[:] = 0\n        if self.looks == 3: raise RuntimeError('out\\nof it')\n"
        "        return []\ndef make():\n    return Own()\n"
    )
    name = own(body)
    detector = open_detector(asked(name))
    picture = GREY.copy()
    assert detector.detect(picture) == []
    assert (picture == GREY).all(), "it wrote into a copy"
    with pytest.raises(ConfigError, match=rf"^detector {name}: detect\(\) raised RuntimeError: out of it$"):
        detector.detect(picture)


@pytest.mark.parametrize("name", ["nowhere_at_all", "nowhere_at_all.inner", "json.nowhere"])
def test_module_that_is_not_there_tells_where_one_may_be(name: str) -> None:
    missing = name.removesuffix(".inner")
    told = rf"no module '{missing}', expected one that is installed, or in .*PYTHONPATH names$"
    with pytest.raises(ConfigError, match=rf"^detector python:{name}:make: {told}"):
        open_detector(asked(f"python:{name}:make"))


def test_class_that_it_does_not_know_is_told_with_what_was_meant(own: Any) -> None:
    name = own(answering("[]").replace("class Own:", "class Own:\n    classes = ('person', 'parcel')"))
    open_detector(asked(name))
    with pytest.raises(ConfigError, match="it knows no class 'parcle', did you mean parcel"):
        open_detector(asked(name, ("parcle",)))


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A YOLOS of two classes with random weights, as transformers saves it."""
    from transformers import YolosConfig, YolosForObjectDetection, YolosImageProcessorPil  # seconds to import

    folder = tmp_path_factory.mktemp("yolos")
    torch.manual_seed(3)
    config = YolosConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=[64, 64],
        patch_size=16,
        num_detection_tokens=4,
        id2label={0: "parcel", 1: "person"},
        label2id={"parcel": 0, "person": 1},
    )
    YolosForObjectDetection(config).save_pretrained(folder)
    YolosImageProcessorPil(size={"height": 64, "width": 64}).save_pretrained(folder)
    return folder


def test_model_of_transformers_finds_inside_the_picture(saved_model: Path) -> None:
    found = open_detector(asked(f"transformers:{saved_model}", min_score=0)).detect(GREY)
    assert found, "with random weights it finds something of no certainty"
    for one in found:
        assert one.class_name in ("parcel", "person")
        x0, y0, x1, y1 = one.box
        assert 0 <= x0 < x1 <= 80
        assert 0 <= y0 < y1 <= 60
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


def test_model_of_transformers_that_is_not_there_or_unfit_is_one_line(
    saved_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StreamTrackError, match=r"^detector transformers:.*nothing_here[^\n]*$"):
        open_detector(asked(f"transformers:{tmp_path / 'nothing_here'}"))
    with pytest.raises(ConfigError, match="no such folder, expected one, or a name such as PekingU"):
        open_detector(asked("transformers:/nowhere/at/all"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    told = "nobody/nothing: not on this machine, and the hub cannot be reached"
    with pytest.raises(ConfigError, match=rf"^detector transformers:nobody/nothing: {told}[^\n]*refused\)$"):
        open_detector(asked("transformers:nobody/nothing"))
    with pytest.raises(ConfigError, match="it knows no class 'car', expected one of: parcel, person"):
        open_detector(asked(f"transformers:{saved_model}", ("car",)))


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is there")
def test_device_that_is_not_there_is_refused(saved_model: Path) -> None:
    with pytest.raises(ConfigError, match="detector_device is cuda, and CUDA is not there, expected cpu"):
        open_detector(asked(f"transformers:{saved_model}", detector_device="cuda"))


def test_missing_package_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] == "transformers":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.delitem(sys.modules, "transformers", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(ConfigError, match=r"not installed, expected pip install 'streamtrack\[detect\]'$"):
        open_detector(asked("transformers:any/model"))
