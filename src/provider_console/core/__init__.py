"""The rules, pure: no I/O, no clock, no async. Time comes in as `now` (monotonic seconds), chance as `rng`."""
