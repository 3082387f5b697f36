"""Settings of the site and of its plugins, changed by organisers while the site runs."""
