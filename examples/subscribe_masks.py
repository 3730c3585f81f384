"""A robot's subscriber: prints the newest masks of every stream at ADDRESS (the only argument)."""

import contextlib
import sys

from streamtrack.client import MaskSubscriber

address = sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:5555"

# stream="cam1" for one stream; conflate: only the newest masks, however slow we are
with contextlib.suppress(KeyboardInterrupt), MaskSubscriber(address, conflate=True) as masks:
    for message in masks:
        for object_id, item in message.objects.items():
            pixels = item.mask.sum()  # item.mask: (H, W) bool
            age_ms = message.capture_to_publish_ms
            print(
                f"{message.stream} #{message.frame_idx} {age_ms:.0f} ms: {object_id} {item.state} {pixels} px"
            )
