"""Health, checks, metrics, queues, the API description, the home page and static files."""
