"""Multimodal recommendation experiments from one YAML file, reproducible bit for bit."""
