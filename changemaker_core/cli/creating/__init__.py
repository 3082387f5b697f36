"""Creating a site: ``changemaker init`` and ``changemaker demo``."""
