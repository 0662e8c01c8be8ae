"""`lowlight app`: the folder, the models and the port checked, the page served until Ctrl-C, and nothing left behind."""

import contextlib
import dataclasses
import os
import pathlib
import secrets
import shutil
import tempfile
import threading
import time

from lowlight_tf import DEFAULT_MODEL
from lowlight_tf.app.session import Session
from lowlight_tf.console import say
from lowlight_tf.errors import LowlightError, UsageError
from lowlight_tf.files import check_writable

LOOPBACK = "127.0.0.1"
PORT = 7860
_PREFIX, _STALE_SECONDS = "lowlight_tf-app-", 24 * 3600
_MOST_UPLOAD = "1gb"
_HERE = pathlib.Path(__file__).parent


@dataclasses.dataclass(frozen=True)
class AppConfig:
    """What is asked for.

    Attributes:
      folder: of photographs; "" for those that are dropped on the page.
      result_dir: where results go.
      checkpoint_dir: a model beside those that ship, or "".
      host: the address to listen at; "" for this machine alone.
      port: of the page.
      browser: open it in the browser.
      memory_limit: bytes that the process may take while it develops; 0 for half of what is free.
    """

    folder: str = ""
    result_dir: str = "results/enhanced"
    checkpoint_dir: str = ""
    host: str = ""
    port: int = PORT
    browser: bool = True
    memory_limit: int = 0


def models_of(config):
    """Returns {name: folder} of the models to choose from, the default one first; "auto", whose folder is "", is the one that ships for a
    photograph's sensor.

    Raises:
      LowlightError: where the one that was named is none, or none ships and none was named.
    """
    from lowlight_tf.checkpoints.load import fast_folder, load_network

    found = {}
    if config.checkpoint_dir:
        load_network(config.checkpoint_dir)
        found[pathlib.Path(config.checkpoint_dir).name] = config.checkpoint_dir
    if DEFAULT_MODEL.is_dir():
        found.setdefault("auto", "")
        others = {path for path in DEFAULT_MODEL.parent.iterdir() if (path / "config.json").is_file()} - {DEFAULT_MODEL}
        fast = {fast_folder(path) for path in (DEFAULT_MODEL, *others)}  # a quality of those, and no choice beside them
        for path in sorted(others - fast):
            found.setdefault(path.name, str(path))
    if not found:
        raise UsageError("no model ships in models/bayer; name the folder of one that train.py wrote with --checkpoint_dir")
    return found


def _sweep():
    """Removes what killed runs have left among the temporary files more than a day ago."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(tempfile.gettempdir()):
            with contextlib.suppress(OSError):
                stale = time.time() - entry.stat(follow_symlinks=False).st_mtime > _STALE_SECONDS
                if entry.name.startswith(_PREFIX) and stale and entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path, ignore_errors=True)


@contextlib.contextmanager
def temporary_folder():
    """Yields a folder that nobody else can look into, and removes it afterwards."""
    _sweep()
    folder = pathlib.Path(tempfile.mkdtemp(prefix=_PREFIX))
    (folder / "uploads").mkdir()
    (folder / "served").mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _gradio(temporary):
    """Imports Gradio with its files in our folder and without its own messages home.

    Raises:
      LowlightError: where it is not installed.
    """
    os.environ.update(GRADIO_TEMP_DIR=str(temporary / "served"), GRADIO_ANALYTICS_ENABLED="False", HF_HUB_DISABLE_TELEMETRY="1")
    for name in ("GRADIO_SHARE", "GRADIO_ALLOWED_PATHS", "GRADIO_ROOT_PATH", "GRADIO_NODE_PATH", "GRADIO_SSR_MODE", "GRADIO_MCP_SERVER"):
        os.environ.pop(name, None)
    try:
        import gradio

        return gradio
    except ImportError as error:
        raise LowlightError("the page needs Gradio: pip install 'lowlight_tf[app]', or make app in a checkout") from error


def _theme(gradio):
    """Gradio's plainest theme with the machine's own fonts: nothing is fetched from elsewhere."""
    return gradio.themes.Base(font=["system-ui", "sans-serif"], font_mono=["monospace"])


def launch(session, config, temporary):
    """Serves a Session's page in the background.

    Args:
      session: a Session.
      config: an AppConfig.
      temporary: a folder with uploads/ and served/.
    Returns:
      the gradio.Blocks, and the address with the token where there is one.
    Raises:
      LowlightError: where Gradio is missing, or the address cannot be listened at.
    """
    gradio = _gradio(temporary)
    from starlette.middleware import Middleware

    from lowlight_tf.app.guard import Guard
    from lowlight_tf.app.page import build

    token = secrets.token_urlsafe(24) if config.host else ""
    page = build(session)
    page.queue(default_concurrency_limit=2, api_open=False)
    guard = Middleware(Guard, files=temporary / "served", token=token, uploads=session.folder is None)
    try:
        page.launch(
            server_name=config.host or LOOPBACK,
            server_port=config.port,
            inbrowser=False,
            share=False,
            quiet=True,
            prevent_thread_lock=True,
            theme=_theme(gradio),
            css_paths=[_HERE / "page.css"],
            footer_links=[],
            ssr_mode=False,
            mcp_server=False,
            pwa=False,
            enable_monitoring=False,
            run_history=False,
            max_file_size=_MOST_UPLOAD,
            show_error=True,
            app_kwargs={"middleware": [guard], "docs_url": None, "redoc_url": None, "openapi_url": None},
        )
    except OSError as error:
        raise LowlightError(
            f"cannot listen at {config.host or LOOPBACK}:{config.port}, where another lowlight app or program may be; "
            "close that, or give another --port"
        ) from error
    address = f"http://{config.host or LOOPBACK}:{config.port}/"
    return page, address + (f"?token={token}" if token else "")


def serve(config, wait=None):
    """Serves the page until Ctrl-C.

    Args:
      config: an AppConfig.
      wait: function of the Session that returns when it is to end; None for Ctrl-C alone.
    Raises:
      LowlightError: where the folder, the model, the results' folder or the port cannot be used.
    """
    if config.folder and not pathlib.Path(config.folder).is_dir():
        raise UsageError(f"{config.folder} is no folder; name one that holds photographs, or none to drop them on the page")
    models = models_of(config)
    check_writable(config.result_dir)
    with temporary_folder() as temporary:
        session = Session(config.folder or None, config.result_dir, models, temporary / "uploads", config.memory_limit)
        page, address = launch(session, config, temporary)
        threading.Thread(target=session.warm, daemon=True).start()
        say(f"lowlight app: {address}  (Ctrl-C ends it)")
        if config.browser:
            import webbrowser

            webbrowser.open(address)
        try:
            with contextlib.suppress(KeyboardInterrupt):  # which is how it is ended
                (wait or _forever)(session)
        finally:
            if session.development:
                session.development.cancel()
                session.development.wait()
            page.close(verbose=False)


def _forever(_):
    while True:
        time.sleep(3600)
