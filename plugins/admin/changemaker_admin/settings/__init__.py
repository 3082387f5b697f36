"""The pages of settings: each group, as plugins declare it."""
