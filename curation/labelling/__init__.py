"""People who say how old a face looks: Label Studio filled, its labels brought back, checked and weighed."""
