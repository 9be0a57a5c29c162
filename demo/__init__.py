"""The browser demo: age transformation in a Gradio page."""
