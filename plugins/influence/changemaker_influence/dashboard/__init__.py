"""What campaigns put on the organisers' dashboard, where admin is installed."""
