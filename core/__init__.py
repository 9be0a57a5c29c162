"""Age transformation of faces: images, detection, alignment, generators, weights and the inference API."""
