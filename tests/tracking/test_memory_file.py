"""The bytes of an object's memory: what they say, and that nothing in them is believed."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from safetensors.torch import load, save

from streamtrack import __version__
from streamtrack.config import TrackingConfig
from streamtrack.errors import ObjectMemoryError, PromptError
from streamtrack.frame import Image
from streamtrack.model.build import LoadedModel
from streamtrack.object_record import MAX_MEMORY_BYTES
from streamtrack.tracking import Tracker
from streamtrack.tracking.make_session import facts_of
from streamtrack.tracking.memory_file import decode_memory, encode_memory, read_metadata
from tests.support.colour_family import ColourFamily, coloured_shapes, entry_of

CONFIG = TrackingConfig(history_frames=2, max_objects=2, window=2.0, max_mask_growth=4.0)
SHAPES = [image for image, _ in coloured_shapes(6)]


def make_tracker() -> Tracker:
    entry, family = entry_of("colour-tiny", 112), ColourFamily()
    network: Any = family.make_network(family.build_module(entry, 112))
    return Tracker(LoadedModel(entry.name, network, "fp32"))


TRACKER = make_tracker()
GEOMETRY = TRACKER.model.network.geometry


def make_memory(config: TrackingConfig = CONFIG) -> bytes:
    session = TRACKER.new_session(config)
    session.add(1, points=[(60, 50)], label="cup")
    for image in SHAPES[:4]:
        session.step(image)
    session.correct(1, points=[(75, 50)])
    return session.export_object(1)


MEMORY = make_memory()
HEADER_BYTES = int.from_bytes(MEMORY[:8], "little")


def metadata_of(memory: bytes) -> dict[str, str]:
    num_bytes = int.from_bytes(memory[:8], "little")
    metadata: dict[str, str] = json.loads(memory[8 : 8 + num_bytes])["__metadata__"]
    return metadata


def state_of(memory: bytes) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(metadata_of(memory)["state"])
    return state


STATE = state_of(MEMORY)


def decode(data: object) -> Any:
    return decode_memory(data, facts_of(TRACKER.model), GEOMETRY)


def rewritten(
    metadata: dict[str, Any] | None = None, state: dict[str, Any] | None = None, memory: bytes = MEMORY
) -> bytes:
    """A memory with other metadata, or other facts in its state."""
    known = metadata_of(memory)
    known["state"] = json.dumps(state_of(memory) | (state or {}))
    return bytes(save(load(memory), known | (metadata or {})))


class Quiet(bytes):
    """Bytes that no failure prints."""

    def __repr__(self) -> str:
        return f"{len(self)} bytes"


def use(data: bytes, config: TrackingConfig = CONFIG, images: Sequence[Image] = SHAPES[4:]) -> None:
    """Bytes are refused in one line, or they are an object that can be followed."""
    data = Quiet(data)
    session = TRACKER.new_session(config)
    refusal = ""
    try:
        session.add(1, memory=data)
    except PromptError as error:
        refusal = str(error)
    if refusal:
        assert len(refusal.splitlines()) == 1
        assert len(refusal) < 400
        assert session.object_ids == ()
        return
    for image in images:
        session.step(image)
    session.correct(1, points=[(60, 50)])
    session.export_object(1)


def test_it_says_what_it_is() -> None:
    told = read_metadata(MEMORY)
    assert told == {
        "format": "streamtrack-object-memory",
        "version": "1",
        "product": __version__,
        "model": "colour-tiny",
        "weights_sha256": facts_of(TRACKER.model).weights_sha256,
        "input_size": "112x56",
        "precision": "fp32",
        "label": "cup",
    }
    assert len(told["weights_sha256"]) == 64


def test_any_reader_of_safetensors_opens_it() -> None:
    tensors = load(MEMORY)
    assert tensors["conditioning.features"].shape == (2, GEOMETRY.memory_tokens, GEOMETRY.memory_dim)
    assert tensors["newest.mask_logits"].shape == GEOMETRY.low_res_size
    assert len(MEMORY) < 10_000 + sum(tensor.nbytes for tensor in tensors.values())


def told(data: bytes) -> dict[str, Any]:
    """All that a memory holds; safetensors orders its metadata as it likes."""
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    tensors = {name: tensor.flatten().tolist() for name, tensor in load(data).items()}
    return {"metadata": header["__metadata__"], **tensors}


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_decoded_and_encoded_it_is_the_same(kind: type) -> None:
    assert (told(encode_memory(decode(kind(MEMORY)))) == told(MEMORY)) is True


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("text", "it is str, expected bytes"),
        (b"", "it has 0 bytes and no header"),
        (b"\xff" * 64, "it has 64 bytes and no header"),
        (MEMORY[: 8 + HEADER_BYTES], "its tensors cannot be read"),
        (MEMORY[:-1], "its tensors cannot be read"),
        (MEMORY + b"\0", "its tensors cannot be read"),
        (save({"a": torch.zeros(1)}), "its header cannot be read"),
        (save({"a": torch.zeros(1)}, {"format": "pt"}), "format is pt, expected streamtrack-object-memory"),
        (rewritten({"version": "2"}), "version is 2, expected 1"),
        (rewritten({"model": "nano\n" + "x" * 999}), "model is nano x"),
        (rewritten({"label": "x" * 129}), "label has 129 characters"),
        (rewritten({"state": "{}"}), "state cannot be read"),
        (rewritten({"state": "[" * 5000}), "state cannot be read"),
        (rewritten(state={"features_ago": [1, 1, 2]}), "names a frame of features twice"),
        (rewritten(state={"features_ago": [2, 1]}), "recent.features is float32"),
        (rewritten(state={"conditioning_ago": [1, 4]}), "conditioning frames in disorder"),
        (rewritten(state={"first_ago": 9}), "another first frame"),
        (rewritten(state={"features_ago": [400, 3, 2, 1]}), "before the first prompt"),
        (rewritten(state={"evidence": [[77, [0.5, 0.5, None]]]}), "state cannot be read"),
        (rewritten(state={"view": [0, 0, 0, 5]}), "a window of 0 x 5 pixels"),
        (rewritten(state={"view": [0, 0, 100_000, 100_000]}), "a window of 100000 x 100000 pixels"),
        (rewritten(state={"plan": {"x": "y" * 70_000}}), "a plan of too many bytes"),
        (rewritten(state={"hidden_ns": -1}), "state cannot be read"),
        (rewritten(state={"body": STATE["body"] | {"size": [999, 999]}}), "body.outline is uint8"),
        (
            rewritten(state={"body": STATE["body"] | {"size": [9999, 9999]}}),
            "an outline of 9999 x 9999 pixels",
        ),
        (rewritten(state={"body": STATE["body"] | {"unclean": 9999}}), "state cannot be read"),
        (rewritten(state={"body": STATE["body"] | {"area_px": 0}}), "state cannot be read"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_what_is_none_is_refused_in_one_line(data: object, words: str) -> None:
    with pytest.raises(ObjectMemoryError) as caught:
        decode(data)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 400
    assert "\n" not in str(caught.value)


def test_evidence_of_other_frames_and_out_of_bounds_is_refused() -> None:
    known = STATE["evidence"]
    ago, facts = known[0]
    with pytest.raises(ObjectMemoryError, match="evidence of frames that are not there"):
        decode(rewritten(state={"evidence": [[77, facts]]}))
    with pytest.raises(ObjectMemoryError, match="out of bounds"):
        decode(rewritten(state={"evidence": [[ago, facts | {"object_score": 1.5}]]}))


def test_numbers_that_are_none_are_refused() -> None:
    known = metadata_of(MEMORY)
    tensors = load(MEMORY)
    tensors["recent.features"][0, 0, 0] = float("nan")
    with pytest.raises(ObjectMemoryError, match=r"recent.features has numbers that are not finite"):
        decode(save(tensors, known))


def test_a_claim_costs_nothing() -> None:
    header = json.loads(MEMORY[8 : 8 + HEADER_BYTES])
    header["recent.features"] |= {"shape": [1 << 20, 1 << 20, 1 << 20]}
    text = json.dumps(header).encode()
    with pytest.raises(ObjectMemoryError, match="tensors cannot be read"):
        decode(len(text).to_bytes(8, "little") + text + MEMORY[8 + HEADER_BYTES :])
    with pytest.raises(ObjectMemoryError, match=f"expected at most {MAX_MEMORY_BYTES}"):
        decode(bytearray(MAX_MEMORY_BYTES + 1))


@settings(max_examples=60)
@given(st.integers(0, len(MEMORY)))
def test_cut_anywhere(length: int) -> None:
    use(MEMORY[:length])


@settings(max_examples=150)
@given(st.lists(st.tuples(st.integers(0, HEADER_BYTES + 64), st.integers(0, 255)), min_size=1, max_size=4))
def test_flipped_anywhere_in_its_head(flips: list[tuple[int, int]]) -> None:
    data = bytearray(MEMORY)  # as many bits as hypothesis names
    for place, value in flips:
        data[place] ^= value
    use(bytes(data))


NUMBERS = st.one_of(
    st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none()
)
VALUES = st.recursive(
    NUMBERS | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150)
@given(st.dictionaries(st.sampled_from(sorted(STATE)), VALUES, min_size=1, max_size=3))
@example({"seen": STATE["seen"] | {"hidden": 2**31}})
@example({"seen": STATE["seen"] | {"length": 1e6, "step": [1e6, -1e6], "frame_size": [1, 10**6]}})
@example({"believed": [[2**40, 2**53, 3]]})
@example({"believed": [[2**40, 1, 1]]})
@example({"since_origin": -(2**53), "hidden_ns": 2**62, "num_not_finite": 2**53})
@example({"body": STATE["body"] | {"step": [1e6, 1e6], "at": [-1e6, 1e6], "usual_px": 1e-9}})
@example({"view": [10**6, -(10**6), 8192, 8192]})
def test_a_state_of_other_facts(state: dict[str, Any]) -> None:
    use(rewritten(state=state))


AWARE = CONFIG.model_copy(update={"memory": "motion_aware", "scene_cuts": True})
AWARE_MEMORY = make_memory(AWARE)
AWARE_STATE = state_of(AWARE_MEMORY)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The ways to all plain values inside."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    below = [way for key, one in inner for way in leaves(one, (*path, key))]
    yield from below or [path]


def replaced(value: Any, way: tuple[Any, ...], leaf: Any) -> Any:
    """A copy with another plain value at the end of a way."""
    if not way:
        return leaf
    items = value.copy()
    items[way[0]] = replaced(value[way[0]], way[1:], leaf)
    return items


LOOK = base64.b64encode(np.ones(3, "<f4").tobytes()).decode()
LEAVES: st.SearchStrategy[Any] = st.sampled_from(
    [0, 1, -1, 5, 2**31, 2**53 - 1, -(2**53), 0.5, 1e9, -1e9, 1e300, True, None, "", LOOK, [], {}]
)


@settings(max_examples=15)
@given(st.sampled_from([*leaves(AWARE_STATE)]), LEAVES)
@example(("plan", "gallery", 0, 0), LOOK)
@example(("plan", "frame_size", 0), 0)
@example(("body", "unclean"), 2**53 - 1)
def test_a_plan_of_other_facts(way: tuple[Any, ...], leaf: Any) -> None:
    state = replaced(AWARE_STATE, way, leaf)
    use(rewritten(state=state, memory=AWARE_MEMORY), AWARE, [np.full_like(SHAPES[0], 120), *SHAPES[4:]])


@settings(max_examples=60)
@given(st.binary(max_size=200))
def test_bytes_of_any_kind(data: bytes) -> None:
    use(data)
    use(len(data).to_bytes(8, "little") + data)
