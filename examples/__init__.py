"""Recipes in front of a real model: `python -m examples.nepal`, from a clone of the repository."""
