"""The process that serves: supervisor, children, HTTP protocol, readiness, logs."""
