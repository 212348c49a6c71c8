"""The terminal: what an administrator opens first and keeps open. Only this package loads Textual."""
