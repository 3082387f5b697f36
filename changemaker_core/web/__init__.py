"""Pages in a browser: templates, forms, static files, languages."""

from changemaker_core.web.assets.static import StaticFiles
from changemaker_core.web.forms import Form
from changemaker_core.web.pages import PageMetadata, Redirect, TemplateResponse
from changemaker_core.web.templates import Templates
from changemaker_core.web.translations import Translations

__all__ = [
    "Form",
    "PageMetadata",
    "Redirect",
    "StaticFiles",
    "TemplateResponse",
    "Templates",
    "Translations",
]
