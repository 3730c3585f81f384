"""A film's outputs, at hand and in the file."""

from __future__ import annotations

import errno
from unittest import mock

import pytest
import torch

from streamtrack.engine.film_outputs import FilmOutput, FollowedOutputs, OutputFile
from streamtrack.errors import CapacityError


def output(number: float) -> FilmOutput:
    value = float(number)
    return FilmOutput(
        torch.full((3, 5), value),
        torch.full((1,), value),
        torch.full((7,), value),
        torch.full((9, 2), value, dtype=torch.bfloat16),
        torch.full((1,), value),
    )


def assert_equal(found: FilmOutput, expected: FilmOutput) -> None:
    for part, part_there in zip(found.tensors(), expected.tensors(), strict=True):
        assert part.dtype is part_there.dtype
        assert torch.equal(part, part_there)


def test_outputs_come_back_from_the_file_bit_for_bit() -> None:
    outputs = FollowedOutputs(OutputFile(), window=2)
    for index in range(6):
        outputs[index] = output(index + 1 / 3)
    assert len(outputs._held) == 2
    assert sorted(outputs) == list(range(6))
    for index in (0, 5, 3, 0):
        assert_equal(outputs[index], output(index + 1 / 3))
    outputs[0] = output(100)
    for index in range(1, 6):
        assert_equal(outputs[index], output(index + 1 / 3))
    assert_equal(outputs[0], output(100))


def test_places_given_back_are_used_again() -> None:
    file = OutputFile()
    first = FollowedOutputs(file, window=1)
    first.update({index: output(index) for index in range(5)})
    first.clear()
    assert len(first) == 0
    second = FollowedOutputs(file, window=1)
    second.update({index: output(10 + index) for index in range(5)})
    assert file._num_places == 4
    assert_equal(second[0], output(10))


def test_without_a_file_the_oldest_are_forgotten() -> None:
    outputs = FollowedOutputs(None, window=3)
    outputs.update({index: output(index) for index in range(9)})
    assert sorted(outputs) == [6, 7, 8]
    with pytest.raises(KeyError):
        del outputs[0]


def test_a_full_disk_is_one_line() -> None:
    file = OutputFile()
    file._file = mock.Mock(write=mock.Mock(side_effect=OSError(errno.ENOSPC, "No space left on device")))
    with pytest.raises(CapacityError, match=r"^temporary file in .*: No space left on device, expected room"):
        file.write(b"12345", None)
