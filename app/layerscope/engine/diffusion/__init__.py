"""Diffusion: from a folder of graphs and a few words to a picture, step by step."""
