"""The pages for operators: queues and jobs, health, plugins and backups."""
