"""What a YAML file may hold, how much of it, and in which words the rest is refused."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from streamtrack.config import load_config
from streamtrack.config.yaml_file import MAX_DEPTH, MAX_FILE_BYTES, MAX_VALUES, parse_yaml, read_yaml
from streamtrack.errors import ConfigError

AT_ONCE_S = 5.0
"""A file of the largest size takes a fifth of a second on an idle core; what it guards against took 30."""


def refusal(text: str) -> str:
    with pytest.raises(ConfigError) as refused:
        parse_yaml(text, "live.yaml")
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_each_key_and_item_has_its_line() -> None:
    document = parse_yaml("a:\n  - x\n  - b: {c: 1,\n      d: 2}\n", "live.yaml")
    assert document.value == {"a": ["x", {"b": {"c": 1, "d": 2}}]}
    assert document.lines == {
        ("a",): 1,
        ("a", 0): 2,
        ("a", 1): 3,
        ("a", 1, "b"): 3,
        ("a", 1, "b", "c"): 3,
        ("a", 1, "b", "d"): 4,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "live.yaml:3: the key a is there twice, first in line 1"),
        ("a:\n  - {b: 1,\n     b: 2}\n", "live.yaml:3: the key b is there twice, first in line 2"),
        ("a:\n  b:\n    c: 1\n    'c': 2\n", "live.yaml:4: the key c is there twice, first in line 3"),
        ("a: &x {b: 1}\nc:\n  <<: *x\n  <<: *x\n", "live.yaml:4: the key << is there twice, first in line 3"),
        (
            "'rtsp://u:pw@h/': 1\n'rtsp://u:pw@h/': 2\n",
            "live.yaml:2: the key (14 characters) is there twice, first in line 1",
        ),
        ("a:\n\tb: 1\n", "live.yaml:2: not YAML: a tab, expected spaces"),
        ("\ta: 1\n", "live.yaml:1: not YAML: a tab, expected spaces"),
        ("a: @x\n", "live.yaml:1: not YAML: a character that cannot start a value, expected quotes"),
        ("a: *x\n", "live.yaml:1: not YAML: an alias (*) of no anchor (&)"),
        ("a: !!python/object/apply:os.system [x]\n", "live.yaml:1: a tag (!) that is not known"),
        ("a: !secret x\n", "live.yaml:1: not YAML: a tag (!) that is not known"),
        ("a: &x [*x]\n", "live.yaml:1: an anchor holds itself"),
        ("a: 1\n<<: 3\n", "live.yaml:2: `<<` is not a mapping, expected the anchor of one"),
        ("1: x\n", "live.yaml:1: a key is 1, expected text"),
        ("on: x\n", "live.yaml:1: a key is True, expected text"),
        ("[a]: x\n", "live.yaml:1: a key is None, expected text"),
        ("a: 2020-99-99\n", "live.yaml:1: a value that is neither a number nor a date, expected quotes"),
        ("a: " + "9" * 5000, "live.yaml:1: a value that is neither a number nor a date, expected quotes"),
        ("a: 1\n---\nb: 1\n", "live.yaml:2: not YAML: but found another document"),
        ("a: \x01\n", "live.yaml: not YAML: "),
        ("a: [1\n", "live.yaml:2: not YAML: did not find expected ',' or ']'"),
    ],
)
def test_fault_names_its_line(text: str, message: str) -> None:
    assert refusal(text).startswith(message)


def test_anchors_are_taken_over_and_own_keys_win() -> None:
    text = "base: &b {x: 1, y: 2}\nmore: &m {y: 3, z: 4}\nall:\n  <<: [*b, *m]\n  x: 9\n"
    document = parse_yaml(text, "live.yaml")
    assert document.value["all"] == {"x": 9, "y": 2, "z": 4}
    assert document.lines["all", "x"] == 5


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGED_LAUGHS = "a: &a {x: 1}\n" + "".join(
    f"{new}: &{new} {{<<: [{', '.join([f'*{old}'] * 9)}]}}\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LAUGHS, f"anchors unfold to more than {MAX_VALUES} values"),
        (MERGED_LAUGHS, f"anchors unfold to more than {MAX_VALUES} values"),
        ("a: " + "[" * 20_000, f"more than {MAX_DEPTH} lists or mappings inside each other"),
        ("- " * 20_000 + "x", f"more than {MAX_DEPTH} lists or mappings inside each other"),
        ("{a: " * 20_000, f"more than {MAX_DEPTH} lists or mappings inside each other"),
        ("".join(f"key_{i}: 1\n" for i in range(20_000)), f"more than {MAX_VALUES} keys and values"),
        ("[" + "x," * 100_000, f"more than {MAX_VALUES} keys and values"),
    ],
    ids=["laughs", "merged laughs", "lists", "dashes", "mappings", "keys", "items"],
)
def test_what_would_cost_much_is_refused_at_once(text: str, message: str) -> None:
    started = time.thread_time()
    assert message in refusal(text)
    assert time.thread_time() - started < AT_ONCE_S


def test_file_with_many_unknown_keys_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    path.write_text("".join(f"k{i}: 0\n" for i in range(MAX_VALUES // 2 - 10)))
    started = time.thread_time()
    with pytest.raises(ConfigError, match=r"keys.yaml: streams is missing \(and 4990 more\)"):
        load_config(path)
    assert time.thread_time() - started < AT_ONCE_S


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "holds nothing, expected a mapping with the key 'streams'"),
        (b"# only a comment\n", "holds nothing, expected a mapping"),
        (b"- a\n", "holds list, expected a mapping"),
        (b"rtsp://u:pw@camera/", "holds str, expected a mapping"),
        (b"a: 1\nb: \xff\n", "cannot be read: line 2 is not UTF-8"),
        ("streams: 1".encode("utf-16"), "cannot be read: line 1 is not UTF-8"),
        (b"#" * (MAX_FILE_BYTES + 1), f"more than {MAX_FILE_BYTES} bytes, expected a config"),
    ],
    ids=["empty", "comment", "list", "text", "latin-1", "utf-16", "large"],
)
def test_file_that_is_no_config_is_refused_in_one_line(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "live.yaml"
    path.write_bytes(data)
    with pytest.raises(ConfigError) as refused:
        load_config(path)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "pw" not in str(refused.value)


def test_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "live.yaml"
    path.write_bytes("a: 1\n".encode("utf-8-sig"))
    assert read_yaml(path).value == {"a": 1}


def test_folder_and_missing_file_are_told(tmp_path: Path) -> None:
    for path, reason in ((tmp_path, "Is a directory"), (tmp_path / "x.yaml", "No such file or directory")):
        with pytest.raises(ConfigError, match=f"{path.name}: cannot be read: {reason}"):
            read_yaml(path)


def test_on_and_off_mean_what_they_say(tmp_path: Path) -> None:
    path = tmp_path / "live.yaml"
    for word in ("on", "off", "auto"):
        path.write_text(f"streams: [{{name: cam, source: {{url: x}}}}]\nmodel: {{compile: {word}}}\n")
        assert load_config(path).model.compile == word
