"""Back up a site, restore it, and prove that a backup can be restored."""
