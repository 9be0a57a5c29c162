"""The Video tab: a short clip with its person at another age."""
