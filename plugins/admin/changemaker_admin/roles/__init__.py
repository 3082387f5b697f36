"""Roles: what each allows, and those that a site makes."""
