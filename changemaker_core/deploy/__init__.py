"""Configuration of what stands around a site: nginx, systemd, compose, derived from its routes."""
