"""What happened, kept in a file and searched: events of every stream, each with its picture."""
