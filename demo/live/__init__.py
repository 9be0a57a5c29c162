"""The Live tab: the camera's picture at another age, as it comes."""
