"""The engine's ports on a real machine: storage, secrets, settings, HTTP and time."""
