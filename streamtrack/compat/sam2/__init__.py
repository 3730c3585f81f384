"""SAM 2's predictors: `from streamtrack.compat.sam2 import build_sam2_video_predictor`."""

from streamtrack.compat.sam2.build import (
    build_sam2_camera_predictor,
    build_sam2_video_predictor,
    build_sam2_video_predictor_hf,
)
from streamtrack.compat.sam2.camera_predictor import SAM2CameraPredictor
from streamtrack.compat.sam2.film_state import FilmState
from streamtrack.compat.sam2.video_predictor import SAM2VideoPredictor

__all__ = [
    "FilmState",
    "SAM2CameraPredictor",
    "SAM2VideoPredictor",
    "build_sam2_camera_predictor",
    "build_sam2_video_predictor",
    "build_sam2_video_predictor_hf",
]
