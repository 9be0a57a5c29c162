"""From pictures on the open web to aligned, de-duplicated people with honest ages, in an archive of cafdata."""
