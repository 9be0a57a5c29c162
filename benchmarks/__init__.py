"""Measurements of speed and memory; see each module. Figures last, one `name value unit` a line."""
