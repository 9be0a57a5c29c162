"""The Transform tab: one face of a photo at other ages."""
