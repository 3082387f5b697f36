"""Responses that are sent bit by bit: files, and whatever else has no end in memory."""
