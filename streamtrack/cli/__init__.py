"""The `streamtrack` command, a file a subcommand."""
