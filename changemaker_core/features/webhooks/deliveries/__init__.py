"""Deliveries: an event becomes a row for each endpoint, which one job for each endpoint sends."""
