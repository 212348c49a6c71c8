"""Widgets render what they are given and post intents; none of them sees the app, a screen or the console."""
