"""Films that are followed on request, over HTTP: one at a time, bounded in size, time and disk."""
