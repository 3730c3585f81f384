"""nano: our own SAM 2 for processors."""
