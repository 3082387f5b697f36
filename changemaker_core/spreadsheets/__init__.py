"""Tables that people import: CSV as spreadsheets in any language write it."""

from __future__ import annotations

from changemaker_core.spreadsheets.errors import CsvError
from changemaker_core.spreadsheets.table import CsvColumn, CsvRow, CsvTable, read_csv

__all__ = ["CsvColumn", "CsvError", "CsvRow", "CsvTable", "read_csv"]
