"""SAM 2 and 2.1: the networks of the sam2 package as stateless calls."""
