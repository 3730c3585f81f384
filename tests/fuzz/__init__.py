"""Inputs that nobody meant: what is refused in one line, what it costs, and that nothing breaks.

`make test` runs a few of each with fixed seeds; `make fuzz` runs the full counts."""
