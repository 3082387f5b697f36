"""The check of templates and catalogues, for a plugin's own tests."""

from changemaker_core.web.sources import source_problems as source_problems
