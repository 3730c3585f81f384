"""Mirrors streamtrack/; tests use real parts: sockets, servers, a browser."""
