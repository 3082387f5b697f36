"""Static files: served under a hash of their content, compressed, and kept by service workers."""
