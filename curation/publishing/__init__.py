"""An archive as data sets on the Hugging Face Hub: metadata for everyone, pictures behind a gate, gates before both."""
