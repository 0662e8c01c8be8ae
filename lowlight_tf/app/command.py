"""`lowlight app` on the command line: its options, read before anything is loaded."""

from lowlight_tf.arguments import positive


def _run(options, problems):
    from lowlight_tf.app.serve import AppConfig, serve

    same_name = ("folder", "result_dir", "checkpoint_dir", "host", "port", "browser")
    serve(AppConfig(memory_limit=round(options.memory_limit * 2**30), **{name: getattr(options, name) for name in same_name}))


def add_app(tools):
    """Adds the tool to argparse's subparsers."""
    tool = tools.add_parser("app", help="look at a folder's photographs in the browser, set each, and develop them")
    tool.add_argument("folder", nargs="?", default="", metavar="FOLDER", help="of photographs; none to drop them on the page")
    tool.add_argument("--result_dir", default="results/enhanced", help="folder of the results")
    tool.add_argument("--checkpoint_dir", default="", help="a model to choose beside those that ship")
    tool.add_argument("--host", default="", help="address to listen at, such as 0.0.0.0; then a token is asked for (this machine only)")
    tool.add_argument("--port", type=positive(int), default=7860)
    tool.add_argument("--nobrowser", dest="browser", action="store_false", help="do not open the browser")
    tool.add_argument("--memory_limit", type=positive(float), default=0.0, help="GiB to develop in (half of what is free)")
    tool.set_defaults(run=_run)
