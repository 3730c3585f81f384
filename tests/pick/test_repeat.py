"""The command that is shown says what was picked: read back, it is the same."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np

from streamtrack.offline import PromptSet, parse_labels, parse_prompts
from streamtrack.pick.jobs import JobOptions
from streamtrack.pick.picked import Picked
from streamtrack.pick.repeat import command_line
from streamtrack.prompt import Prompt


def values(words: list[str], option: str) -> list[str]:
    return [words[at + 1] for at, word in enumerate(words) if word == option]


def as_shells_read(command: str) -> list[str]:
    return shlex.split(command.replace("\\\n", ""))


def picked_some() -> Picked:
    picked = Picked()
    picked.add_point(0, 10.25, 20, on=True, object_id=None)
    picked.add_point(0, 11, 21.5, on=False, object_id=1)
    picked.add_box(30, (1.1, 2.22, 300, 40.5), object_id=None)
    picked.add_point(30, 5, 6, on=True, object_id=2)
    picked.rename(2, "player's ball")
    return picked


def test_command_read_back_holds_the_same_prompts() -> None:
    picks = picked_some().now
    words = as_shells_read(command_line("my clip.mp4", PromptSet(picks.in_order()), JobOptions()))
    assert words[:3] == ["streamtrack", "track", "my clip.mp4"]
    names = parse_labels(values(words, "--object"))
    read = parse_prompts(values(words, "--point"), values(words, "--not"), values(words, "--box"), (), names)
    for one, other in zip(picks.in_order(), read, strict=True):
        assert (one.object_id, one.at_frame, one.label) == (other.object_id, other.at_frame, other.label)
        assert np.array_equal(one.points, other.points)
        assert np.array_equal(one.labels, other.labels)
        boxes = [None if prompt.box is None else prompt.box.tolist() for prompt in (one, other)]
        assert boxes[0] == boxes[1]


def test_options_are_named_where_they_are_not_what_track_does_by_itself() -> None:
    picks = picked_some().now
    options = JobOptions("both", 2, 90, 3, ("overlay", "masks-png"), overwrite=True)
    command = command_line(
        "a.mp4", PromptSet(picks.in_order()), options, ("--model", "nano", "--out", "my out")
    )
    assert command.splitlines()[-9:] == [
        "  --direction both \\",
        "  --start 2 \\",
        "  --end 90 \\",
        "  --stride 3 \\",
        "  --only \\",
        "  --export overlay,masks-png \\",
        "  --overwrite \\",
        "  --model nano \\",
        "  --out 'my out'",
    ]


def test_mask_is_named_by_its_file_and_a_lifetime_by_its_frames() -> None:
    mask = Prompt(3, mask=np.ones((4, 4), bool), at_frame=6)
    point = Prompt(4, [[1, 2]], at_frame=8)
    prompts = PromptSet((mask, point), {4: (8, 20)}, (), {(6, 3): Path("ball.png")})
    words = as_shells_read(command_line("a.mp4", prompts, JobOptions()))
    assert words[2:] == ["a.mp4", "--mask", "3:ball.png@6", "--point", "4:1,2@8..20"]
