"""Validation: a Struct's rules as a marshmallow schema that reports every error."""
