"""What the engine needs from the world outside: time, storage, secrets, settings, HTTP.

Signatures only; `adapters` implements them for a real machine, `adapters.memory` in RAM for tests.
"""
