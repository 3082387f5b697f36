"""A site under /act of a FastAPI application."""

from contextlib import asynccontextmanager

from fastapi import FastAPI

from changemaker_core import Config, create_app

site = create_app(Config.load(), run_jobs=True)


@asynccontextmanager
async def lifespan(app):
    async with site.lifespan():
        yield


app = FastAPI(lifespan=lifespan)
app.mount("/act", site)


@app.get("/")
async def home():
    return "the host's own page"
