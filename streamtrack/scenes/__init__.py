"""Procedural scenes with ground truth masks: a camera that needs no camera."""
