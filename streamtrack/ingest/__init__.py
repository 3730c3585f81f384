"""Cameras, files and synthetic scenes: from a URL to stamped frames."""
