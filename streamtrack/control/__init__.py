"""How people and machines steer a running stream: one set of commands, behind every endpoint."""
