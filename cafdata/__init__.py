"""The Cross-Age Face dataset as a format (to come: schema, archive, pairs, thresholds)."""
