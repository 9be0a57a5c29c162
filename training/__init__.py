"""Training of age-transformation generators and their measurement."""
