"""``ray_jupyter.util``: what Ray has under ``ray.util``."""
