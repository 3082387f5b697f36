"""A site under /act of a Django project: its ``asgi.py``."""

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpResponse
from django.urls import path

from changemaker_core import Config, create_app


def home(request):
    return HttpResponse("the host's own page")


urlpatterns = [path("", home)]
# A project has these in its settings.py, and DJANGO_SETTINGS_MODULE names it.
settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["127.0.0.1"], SECRET_KEY="for the example")
django.setup()

django_app = get_asgi_application()
site = create_app(Config.load(), run_jobs=True)


async def app(scope, receive, send):
    if scope["type"] == "lifespan":  # Django has none of its own
        await site(scope, receive, send)
    elif f"{scope['path']}/".startswith("/act/"):
        await site({**scope, "root_path": "/act"}, receive, send)
    else:
        await django_app(scope, receive, send)
