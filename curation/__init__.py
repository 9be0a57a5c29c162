"""Collection of face photos into the Cross-Age Face dataset (to come: sources, stages, labels)."""
