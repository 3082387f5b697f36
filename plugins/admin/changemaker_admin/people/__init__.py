"""People: what the site stores about one of them, exported and erased."""
