"""A site under /act of a Starlette application."""

from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from changemaker_core import Config, create_app

site = create_app(Config.load(), run_jobs=True)


@asynccontextmanager
async def lifespan(app):
    async with site.lifespan():
        yield


async def home(request):
    return PlainTextResponse("the host's own page")


app = Starlette(routes=[Route("/", home), Mount("/act", site)], lifespan=lifespan)
