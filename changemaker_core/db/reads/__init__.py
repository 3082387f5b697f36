"""Compiled queries: functions that build a query, turned into SQL once and run many times."""
