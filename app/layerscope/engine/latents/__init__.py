"""Latents: graphs that make a picture of a few numbers, and those that go back."""
