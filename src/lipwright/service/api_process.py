"""The API process: uvicorn on the supervisor's socket, or on its own."""

import uvicorn

from lipwright.service import logs, sentinel
from lipwright.service.app import create_app
from lipwright.service.listening import inherited, listen
from lipwright.service.settings import Settings

KEEP_ALIVE_S = 75


def run(settings: Settings) -> int:
    """Serve until SIGTERM, Ctrl-C or the death of the supervisor."""
    logs.configure(settings.log_level, process="api")
    app = create_app(settings)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=max(1, round(settings.drain_s)),
        )
    )

    app.state.stopping = lambda: server.should_exit

    def leave() -> None:
        server.should_exit = True

    sentinel.watch(leave)
    given = inherited()
    server.run(sockets=[listen(settings) if given is None else given])
    return 0
