"""`models list`, `info`, `pull` and `import`: show models, and make models from weights."""
