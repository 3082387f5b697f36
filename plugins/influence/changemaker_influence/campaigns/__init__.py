"""Campaigns, their recipients, and their public pages."""
