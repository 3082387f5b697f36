"""The PostgreSQL engine: threads, reads in the event loop, the listener, read replicas."""
