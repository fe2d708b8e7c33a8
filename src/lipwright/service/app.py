"""The API as one ASGI app: the wire format, files, health, the page at /docs and the playground."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route

from lipwright.service import playground
from lipwright.service.api import account, health, models, predictions, reference, uploads
from lipwright.service.api.adapting import adapt_schema
from lipwright.service.api.adopting import clear_incoming
from lipwright.service.api.describe import SECURITY_SCHEMES, answers, call, header, query
from lipwright.service.api.envelope import install
from lipwright.service.api.files import get_file
from lipwright.service.api.health import StorageCheck
from lipwright.service.api.observe import Observer
from lipwright.service.api.schemas import Prediction
from lipwright.service.api.state import Service
from lipwright.service.api.submission import ADAPT_MODEL, MODELS, input_schema
from lipwright.service.api.submit import submit, submit_elsewhere
from lipwright.service.api.uploads import put_file
from lipwright.service.settings import Settings

VERSIONS = ("v3", "v2")
"""Prefixes below /api/; both have every call, clients use the second for some."""
DESCRIPTION = (
    "A video and a voice in, a lip-synced video out. "
    "Wire-compatible with WaveSpeedAI's `bytedance/latentsync`."
)
EXPOSED = ["Retry-After", "Content-Range", "Accept-Ranges", "ETag", "Idempotent-Replayed"]
"""Headers that pages of other origins may read, where CORS is set."""


def create_app(settings: Settings) -> FastAPI:
    """The app of one server. Database and store are opened when it starts, and closed when it ends.

    `app.state.stopping` may be set to a function that says whether the process was told to end.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service = Service.open(settings, lambda: bool(app.state.stopping()))
        app.state.service = service
        clear_incoming(service)
        try:
            yield
        finally:
            service.close()

    app = FastAPI(title="lipwright", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.stopping = lambda: False
    app.state.storage_check = StorageCheck()
    install(app)
    for each in VERSIONS:
        # Polling is most of the traffic. These stand before the documented routes to the same function and
        # spare it their matching and solving of parameters, which cost as much as the answer.
        app.router.routes.append(_short_way(f"/api/{each}/predictions/{{prediction_id}}/result"))
    for each in VERSIONS:
        app.include_router(_api(settings), prefix=f"/api/{each}")
    app.add_api_route("/files/{storage_key:path}", get_file, methods=["GET", "HEAD"], include_in_schema=False)
    app.add_api_route("/files/{storage_key:path}", put_file, methods=["PUT"], include_in_schema=False)
    app.include_router(health.router)
    app.include_router(reference.router)
    playground.mount(app, settings)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "HEAD", "POST", "PUT", "DELETE"],
            allow_headers=["*"],
            expose_headers=EXPOSED,
        )
    app.add_middleware(Observer, settings=settings)
    _describe(app)
    return app


def _short_way(path: str) -> Route:
    """A route to the result call without the framework's parameters."""

    async def poll(request: Request) -> Response:
        request.scope["route"] = route  # under whose path it is counted
        return await predictions.result(request, request.path_params["prediction_id"])

    route = Route(path, poll, methods=["GET"], include_in_schema=False)
    return route


def _api(settings: Settings) -> APIRouter:
    api = APIRouter()
    for part in (predictions, uploads, account, models):
        api.include_router(part.router)
    parameters = (
        query("webhook", {"type": "string"}, "URL that is sent the finished prediction."),
        header(
            "Idempotency-Key",
            {"type": "string", "maxLength": 255},
            "Makes repeating safe: the same key and body give the prediction of the first time.",
        ),
    )
    schemas = {model: input_schema(settings) for model in MODELS} | {ADAPT_MODEL: adapt_schema(settings)}
    for model, schema in schemas.items():
        api.add_api_route(
            f"/{model}",
            submit,
            methods=["POST"],
            tags=["predictions"],
            summary=f"Submit to {model}",
            responses=answers(Prediction, 400, 402, 404, 409, 413, 429),
            openapi_extra=call(schema, *parameters),
        )
    api.add_api_route("/{model_id:path}", submit_elsewhere, methods=["POST"], include_in_schema=False)
    return api


def _describe(app: FastAPI) -> None:
    """Make the OpenAPI document once, with how a key is sent."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title="lipwright",
                version=version("lipwright"),
                description=DESCRIPTION,
                routes=app.routes,
            )
            document["components"]["securitySchemes"] = SECURITY_SCHEMES
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
