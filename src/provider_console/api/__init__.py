"""The HTTP API: the console for programs, and for people who are elsewhere."""
