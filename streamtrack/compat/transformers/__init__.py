"""transformers' SAM 2 for videos: `from streamtrack.compat.transformers import Sam2VideoModel` and so on.

Not copied: config classes, `image_processor` and `video_processor`, the image model (`Sam2Model`), training.
"""

from streamtrack.compat.transformers.model import Sam2VideoModel
from streamtrack.compat.transformers.outputs import Sam2VideoInputs, Sam2VideoSegmentationOutput
from streamtrack.compat.transformers.processor import Sam2VideoProcessor
from streamtrack.compat.transformers.session import Sam2VideoInferenceSession

__all__ = [
    "Sam2VideoInferenceSession",
    "Sam2VideoInputs",
    "Sam2VideoModel",
    "Sam2VideoProcessor",
    "Sam2VideoSegmentationOutput",
]
