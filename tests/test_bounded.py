"""The promise of the whole: after hours, memory is what it was after a minute."""

from __future__ import annotations

import pytest

from bench.bench_memory import growth_per_1000_frames, measure


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_2000_frames_leave_resident_memory_within_two_percent() -> None:
    results = measure(2000, threads=1)
    session, reference = results["session"], results["reference"]
    assert session["own_bytes"][0] == session["own_bytes"][1]
    assert session["resident_last"] <= 1.02 * session["resident_settled"]
    # The same objects over the same frames: the reference's growth shows that the measure would see ours.
    assert growth_per_1000_frames(reference) > 50
    print(
        f"growth per 1,000 frames: streamtrack {growth_per_1000_frames(session):+.1f} MiB, "
        f"sam2 {growth_per_1000_frames(reference):+.1f} MiB"
    )
