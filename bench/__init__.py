"""One `bench_<question>.py` each: measures, writes raw JSON into bench/results/, prints a table."""
