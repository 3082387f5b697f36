"""Validation: every error of an input, found by a marshmallow schema derived from its Struct."""

from changemaker_core.http.validation.cleaning import cleaned, cleaned_pairs
from changemaker_core.http.validation.schema import (
    Email,
    MultiLine,
    Password,
    PersonName,
    SingleLine,
    errors_of,
    field_names,
    list_names,
    schema_of,
)

__all__ = [
    "Email",
    "MultiLine",
    "Password",
    "PersonName",
    "SingleLine",
    "cleaned",
    "cleaned_pairs",
    "errors_of",
    "field_names",
    "list_names",
    "schema_of",
]
