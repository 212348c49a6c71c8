"""One module a mode, each with its tcss, imported when its mode is first opened."""
