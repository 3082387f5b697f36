"""The files that pages are made of, checked before a visitor meets a mistake in one."""

from changemaker_core.web.sources.check import source_problems
from changemaker_core.web.sources.problem import SourceProblem

__all__ = ["SourceProblem", "source_problems"]
