"""Clips: the same seed gives the same clip, targets are visible at the start, the halves share nothing."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from training.bank import HELD_OUT_CLIPS, Bank, Track
from training.clips import ClipSource, Mixture
from training.paste import jumping, leaving, paste
from training.sprites import Sprite, pick_from_track, twin_of
from training.targets import MIN_TARGET_SHARE

NO_SCENES = Mixture(scenes=0)


def test_same_seed_gives_the_same_clip(work: Path) -> None:
    first, second = (ClipSource(work, seed=5, mixture=NO_SCENES).sample(64, 4, 2) for _ in range(2))

    assert np.array_equal(first.frames, second.frames)
    assert np.array_equal(first.masks, second.masks)


@pytest.mark.parametrize("kind", ["composed", "labelled", "scenes", "street"])
def test_every_kind_gives_frames_and_targets_visible_on_the_first(work: Path, kind: str) -> None:
    only = Mixture(**{name: float(name == kind) for name in vars(Mixture())})

    clip = ClipSource(work, seed=1, mixture=only).sample(64, 5, 3)

    assert clip.frames.shape == (5, 64, 64, 3)
    assert clip.frames.dtype == np.uint8
    assert clip.masks.shape == (3, 5, 64, 64)
    assert (clip.masks[:, 0].mean((1, 2)) >= MIN_TARGET_SHARE).all()


def test_through_a_window_the_target_is_large_and_near_the_middle(work: Path) -> None:
    whole, near = (
        ClipSource(work, seed=4, mixture=Mixture(scenes=0, labelled=0), window_share=share)
        for share in (0.0, 1.0)
    )

    shares = [np.mean([source.sample(64, 1, 1).masks.mean() for _ in range(60)]) for source in (whole, near)]
    middles = [np.argwhere(near.sample(64, 1, 1).masks[0, 0]).mean(0) for _ in range(30)]

    assert shares[1] > 1.3 * shares[0]
    assert np.median(np.abs(np.array(middles) - 32)) < 6


def test_clips_hold_moments_at_which_a_target_is_hidden(work: Path) -> None:
    source = ClipSource(work, seed=2, mixture=NO_SCENES)

    hidden = [~source.sample(64, 8, 1).masks.any((2, 3)).all() for _ in range(40)]

    assert 1 <= sum(hidden) <= 30, "never, or nearly always"


def test_held_out_half_shares_no_picture_with_training(work: Path) -> None:
    training, held_out = (Bank.open(work, held_out=half) for half in (False, True))

    assert not set(training.photos) & set(held_out.photos)
    assert not set(training.cutouts["stamps"]) & set(held_out.cutouts["stamps"])
    assert len(training.photos) + len(held_out.photos) == 3


def test_folder_without_photos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="photos has no pictures; run "):
        Bank.open(tmp_path, held_out=False)


def test_tracks_of_held_out_clips_are_never_trained_on(work: Path) -> None:
    mask = np.zeros((80, 60), np.uint8)
    cv2.circle(mask, (30, 40), 20, 255, -1)
    for name in (HELD_OUT_CLIPS[0], f"self_{HELD_OUT_CLIPS[0]}_0", "another"):
        (work / "tracks" / name).mkdir(parents=True)
        for t in range(2):
            cv2.imwrite(str(work / "tracks" / name / f"track_00_{t:05d}.png"), mask)

    trained, held_out = (Bank.open(work, held_out=half).tracks for half in (False, True))

    assert [track.masks[0].parent.name for track in trained] == ["another"]
    assert len(held_out) == 2


def test_leaving_object_is_inside_first_and_outside_last() -> None:
    rng = np.random.default_rng(3)
    picture = np.full((40, 30, 4), 255, np.uint8)
    for _ in range(20):
        sprite = leaving(make_sprite(picture, size=50.0), rng, 100, 6)
        shares = []
        for frame_idx in (0, 5):
            frame, ids = np.zeros((100, 100, 3), np.uint8), np.zeros((100, 100), np.int32)
            paste(frame, ids, sprite, frame_idx, 1)
            shares.append((ids > 0).mean())
        assert shares[0] > 0.05
        assert shares[1] == 0


def make_sprite(picture: np.ndarray, size: float) -> Sprite:
    zero = np.zeros(2)
    return Sprite((picture,), None, size, zero, zero, 0.0, 0.0, 0.0, 1.0, (0.0, 0.0), 0.0)


def test_jumping_object_is_elsewhere_from_one_frame_on_and_moves_alike() -> None:
    sprite = make_sprite(np.zeros((40, 40, 4), np.uint8), size=30.0)
    jumped = jumping(sprite, np.random.default_rng(3), 100, 6)

    shifts = [jumped.centre(t) - sprite.centre(t) for t in range(6)]
    assert not shifts[0].any()
    assert all(
        np.allclose(shift, jumped.jump if t >= jumped.jump_at else 0) for t, shift in enumerate(shifts)
    )
    assert (abs(jumped.centre(jumped.jump_at) - 50) <= 30).all()


def test_runs_through_a_track_sometimes_have_a_gap_and_stay_inside_it() -> None:
    track = Track(tuple(Path(f"{t}.jpg") for t in range(40)), tuple(Path(f"{t}.png") for t in range(40)))
    rng = np.random.default_rng(0)

    runs = [pick_from_track(track, rng, 6) for _ in range(200)]

    steps = [np.abs(np.diff(run)).max() for run in runs]
    assert all(len(run) == 6 and min(run) >= 0 and max(run) < 40 for run in runs)
    assert 0.02 < np.mean([step > 3 for step in steps]) < 0.3, "gaps are there, and stay the exception"


def test_twin_of_a_real_object_stands_beside_it_and_is_no_target(work: Path) -> None:
    bank, rng = Bank.open(work, held_out=False), np.random.default_rng(5)
    folder = work / "tracks" / "clip"
    folder.mkdir(parents=True)
    mask = np.zeros((80, 60), np.uint8)
    cv2.circle(mask, (30, 40), 12, 255, -1)
    picture = np.where(mask[..., None] > 0, (0, 0, 255), (0, 0, 0)).astype(np.uint8)
    for t in range(4):
        cv2.imwrite(str(folder / f"frame_{t:05d}.png"), picture)
        cv2.imwrite(str(folder / f"track_00_{t:05d}.png"), mask)
    frames, masks = (tuple(sorted(folder.glob(f"{kind}_*.png"))) for kind in ("frame", "track"))
    target = cv2.resize(mask, (64, 64)) > 127

    beside = 0
    for _ in range(20):
        twin = twin_of(Track(frames, masks), target, bank, rng, 4)
        canvas, ids = np.zeros((64, 64, 3), np.uint8), target.astype(np.int32)
        paste(canvas, ids, twin, 0, 7)
        beside += (ids == 7).any()
        assert not twin.is_target
        assert (canvas[ids == 7].reshape(-1, 3)[:, 0] > 60).all()  # the object's own red, nothing around it
        assert (ids == 1).sum() > 0.2 * target.sum()  # never covered whole on frame 0
    assert beside >= 15, "three of four lie where they can be seen"
