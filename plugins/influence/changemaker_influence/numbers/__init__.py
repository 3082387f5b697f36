"""Numbers of a campaign: its letters by day, by riding and by recipient."""
