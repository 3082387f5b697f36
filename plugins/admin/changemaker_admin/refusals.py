"""What a service refuses, shown in the form that asked for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from changemaker_core import NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from changemaker_core import Form, Problem


def show_refusal(form: Form[Any], problem: Problem, fields: Mapping[str, str] = {}) -> None:
    """Add to a form why it was refused: at the fields that are named, or to the form as a whole.

    ``fields`` maps names of the service to those of the form. Raise a ``NotFound`` on: there is
    nothing left that the form is about.
    """
    if isinstance(problem, NotFound):
        raise problem
    known = [(fields.get(error.field, error.field), error.message) for error in problem.errors]
    for name, message in known:
        form.reject(name.partition("[")[0], message)
    if not known:
        form.reject("", problem.detail or problem.title)
