"""What of a running server outlives it: the folder, its files, and who writes them when."""
