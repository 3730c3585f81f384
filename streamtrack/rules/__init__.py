"""Zones and lines: who is in them, since when, who crosses them, and how fast. Pure but for its consumer."""
