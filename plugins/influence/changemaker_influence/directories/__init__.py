"""Who represents whom: directories of representatives."""
