"""How do I follow an object through a film? follow_film.py CLIP X,Y prints one line a frame."""

import sys

import streamtrack as st

clip, click = sys.argv[1], tuple(map(float, sys.argv[2].split(",")))

tracker = st.Tracker.from_checkpoint("nano")
for result in tracker.track(clip, [st.Prompt(object_id=1, points=[click], label="it")]):
    found = result.objects[1]  # .mask: (H, W) bool, at the film's own size
    print(result.frame_idx, found.state, found.box, found.area_px)
