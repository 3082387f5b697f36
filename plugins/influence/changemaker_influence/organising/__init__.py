"""The organisers' screens of campaigns, where admin is installed."""
