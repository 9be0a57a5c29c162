"""Folders of labelled face pictures as people already have them, read into the archive's records."""
