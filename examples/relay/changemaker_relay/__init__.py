"""Notes that organisations pass on to each other."""
