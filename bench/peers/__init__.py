"""Other trackers, each behind the same two calls, each in a process of its own."""
