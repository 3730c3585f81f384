"""Real-time object tracker for live video."""
