"""Struct to marshmallow: every error of an input, in words for people, with a stable path.

msgspec decodes what is right, quickly; it stops at the first error. Where it refuses, the schema
derived here from the same Struct finds all of them. Each value is converted by msgspec itself, so
that both accept the same input; a property test holds them to it.
"""
