"""WHEP: the annotated stream to browsers."""
