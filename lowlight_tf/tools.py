"""Which rarer tools there are, what each takes, and what it calls."""

import argparse
import pathlib
import sys

from lowlight_tf.app.command import add_app
from lowlight_tf.arguments import integer_below, numbers, positive
from lowlight_tf.beam_jobs import RUNNERS, runner_arguments
from lowlight_tf.console import say
from lowlight_tf.datasets import PROTOCOLS, SPLITS
from lowlight_tf.describe_command import add_describe
from lowlight_tf.errors import UsageError
from lowlight_tf.export import FORMATS, INPUTS, QUANTIZATIONS
from lowlight_tf.isp import CAMERA_NOISES
from lowlight_tf.network import HEAD_UNITS, QUALITIES, QUALITY_HELP
from lowlight_tf.raw.cameras import CAMERAS
from lowlight_tf.training.strategies import STRATEGIES


def _import_slim(options, problems):
    from lowlight_tf.checkpoints.importing import import_slim

    import_slim(CAMERAS[options.camera], options.slim_checkpoint, options.checkpoint_dir)


def _calibrate(options, problems):
    from lowlight_tf.training.calibrate import calibrate

    camera = CAMERAS[options.camera] if options.camera else None
    calibrate(options.checkpoint_dir, options.output, options.data_dir, camera, problems)


def _simulate(options, problems):
    from lowlight_tf.simulation.plan import SimulationConfig
    from lowlight_tf.simulation.simulate import simulate

    camera = CAMERAS[options.camera]
    try:
        ratios = tuple(float(ratio) for ratio in options.ratios.split(",")) if options.ratios else tuple(map(float, camera.exposure_ratios))
    except ValueError as error:
        raise UsageError(f"--ratios={options.ratios} are no numbers; expected such as --ratios=100,250,300") from error
    config = SimulationConfig(
        camera=camera,
        input=options.input,
        output=options.output,
        ratios=ratios,
        noise=options.noise,
        seed=options.seed,
        split=options.split,
    )
    if options.runner is None:
        if options.beam_args:
            raise UsageError("--beam_args are a Beam runner's; give --runner with them")
        simulate(config, problems, options.workers)
        return
    if options.workers:
        raise UsageError("--workers is of the local job; give the runner's own option in --beam_args")
    from lowlight_tf.simulation.beam import simulate_on_beam

    simulate_on_beam(config, problems, options.runner, runner_arguments(options.beam_args))


def _transfer_study(options, problems):
    from lowlight_tf.datasets import DataConfig
    from lowlight_tf.training.study import StudyConfig, run_study

    same_name = ("init_from", "output", "steps", "patch_size", "batch_size", "learning_rate", "seed", "head_units", "baseline", "protocol")
    run_study(
        StudyConfig(
            camera=CAMERAS[options.camera],
            data=DataConfig(data_dir=options.data_dir, cache_dir=options.cache_dir),
            pairs=numbers(options.pairs, "pairs", int),
            strategies=tuple(options.strategies.split(",")),
            **{name: getattr(options, name) for name in same_name},
        ),
        problems,
    )


def _plan(options, problems):
    from lowlight_tf.datasets import DataConfig
    from lowlight_tf.training.plan import PlanConfig, plan

    same_name = ("epochs", "patch_size", "batch_size", "num_replicas", "price_per_hour", "max_hours")
    plan(
        PlanConfig(
            camera=CAMERAS[options.camera],
            data=DataConfig(data_dir=options.data_dir),
            **{name: getattr(options, name) for name in same_name},
        ),
        problems,
    )


def _simulation_figure(options, problems):
    from lowlight_tf.simulation.figure import write_figure

    write_figure(pathlib.Path(options.input), options.output, options.seed)
    say(f"Original, gamma distortion, white imbalance, Poisson noise, black level: {options.output}")


def _ship(options, problems):
    from lowlight_tf.checkpoints.shipping import ship

    ship(options.checkpoint_dir.split(","), options.output)


def _export(options, problems):
    from lowlight_tf.export.export import ExportConfig, export

    same_name = ("checkpoint_dir", "format", "quantize", "quality", "output", "data_dir", "overwrite")
    export(ExportConfig(kind=options.input, **{name: getattr(options, name) for name in same_name}), problems)


def _inspect(options, problems):
    from lowlight_tf.enhancement.inspect import inspect_files

    inspect_files(options.files, options.checkpoint_dir, options.json, problems)


def _add_inspect(tools):
    tool = tools.add_parser("inspect", help="say what is seen in raw files and pictures, how dark they are, and whether a model fits them")
    tool.add_argument("files", nargs="+", metavar="FILE", help="raw files, pictures, globs, folders")
    tool.add_argument("--json", action="store_true", help="as JSON")
    tool.add_argument("--checkpoint_dir", default="", help="the model that is to fit (the one that ships for the sensor)")
    tool.set_defaults(run=_inspect)


def _add_simulate(tools):
    tool = tools.add_parser("simulate", help="turn photographs into a data set in SID's layout")
    tool.add_argument("--input", required=True, help="folder of photographs: JPEG, PNG, TIFF, raw")
    tool.add_argument("--output", required=True, help="folder of the data set; the same command goes on where it was stopped")
    tool.add_argument("--camera", required=True, choices=list(CAMERAS), help="what takes the short exposures")
    tool.add_argument("--ratios", default="", help="exposure ratios, by default the camera's: 100,250,300")
    tool.add_argument("--noise", default="physical", choices=CAMERA_NOISES)
    tool.add_argument("--seed", type=integer_below(2**31), default=0)
    tool.add_argument("--split", default="train", choices=list(SPLITS))
    tool.add_argument(
        "--workers", type=integer_below(1024), default=0, help="frames at a time, each of 24 MP takes about 2 GB; 0: one a core"
    )
    tool.add_argument(
        "--runner", help=f"run as an Apache Beam job (pip install apache-beam) on {', '.join(RUNNERS)} or another runner by its name"
    )
    tool.add_argument("--beam_args", default="", help="the runner's options, such as --beam_args='--dask_client_address=tcp://host:8786'")
    tool.set_defaults(run=_simulate)


def _add_transfer_study(tools):
    tool = tools.add_parser("transfer_study", help="PSNR against the number of real pairs, for several ways to adapt a model")
    tool.add_argument("--camera", required=True, choices=list(CAMERAS))
    tool.add_argument("--init_from", required=True, help="folder of the pretrained model")
    tool.add_argument("--data_dir", default="", help="SID's folder, or one with short/ and long/ (dataset/ or the samples where not given)")
    tool.add_argument("--pairs", default="0,2,6,12,50,500", help="numbers of real pairs; 0 stands for zero_shot")
    tool.add_argument("--strategies", default="zero_shot,head,all,scratch", help=f"some of {', '.join(STRATEGIES)}")
    tool.add_argument("--steps", type=positive(int), default=1500, help="of each training")
    tool.add_argument("--output", default="study", help="folder of the study; the same command goes on where it was stopped")
    tool.add_argument("--baseline", default="", help="folder of a model to draw as a line, such as SID's own")
    tool.add_argument("--patch_size", type=positive(int), default=128)
    tool.add_argument("--batch_size", type=positive(int), default=1)
    tool.add_argument("--learning_rate", type=positive(float), default=1e-4)
    tool.add_argument("--head_units", type=positive(int), default=HEAD_UNITS)
    tool.add_argument("--seed", type=integer_below(2**31), default=0)
    tool.add_argument("--cache_dir", default="cache")
    tool.add_argument("--protocol", default="sid-00", choices=list(PROTOCOLS))
    tool.set_defaults(run=_transfer_study)


def _add_plan(tools):
    tool = tools.add_parser("plan", help="hours, cost, memory and disk of a training, before it is begun")
    tool.add_argument("--camera", required=True, choices=list(CAMERAS))
    tool.add_argument("--data_dir", default="", help="SID's folder, or one with short/ and long/ (dataset/ or the samples where not given)")
    tool.add_argument("--epochs", type=positive(int), default=4001)
    tool.add_argument("--patch_size", type=positive(int), default=512)
    tool.add_argument("--batch_size", type=positive(int), default=0, help="examples of a step; one a replica where not given")
    tool.add_argument("--num_replicas", type=int, default=0, help="GPUs, or logical CPUs where there is none; 0: all GPUs or one CPU")
    tool.add_argument("--price_per_hour", type=positive(float), default=0.0, help="of the machine, in any currency")
    tool.add_argument("--max_hours", type=positive(float), default=0.0, help="tell what fits into so many hours")
    tool.set_defaults(run=_plan)


def _add_export(tools):
    tool = tools.add_parser("export", help="write a model as a file that other programs run: SavedModel, LiteRT, ONNX")
    tool.add_argument("--checkpoint_dir", required=True, help="folder of the model")
    tool.add_argument("--format", required=True, choices=FORMATS, help="any height and width in all of them")
    tool.add_argument("--quantize", default="", choices=QUANTIZATIONS, help="smaller weights; int8 computes with 8 bits, too")
    tool.add_argument("--quality", default="normal", choices=QUALITIES, help=QUALITY_HELP)
    tool.add_argument(
        "--input",
        default="packed",
        choices=INPUTS,
        help="packed: what the network sees; mosaic: sensor counts, with levels, gains and ratio as further inputs",
    )
    tool.add_argument("--output", default="", help="file or folder to write (exports/, named after the model)")
    tool.add_argument("--data_dir", default="", help="pairs whose training shorts calibrate int8 (dataset/ or the samples where not given)")
    tool.add_argument("--overwrite", action="store_true", help="replace what is there")
    tool.set_defaults(run=_export)


def parser_of(description):
    """Returns the parser of all tools; what it parses has `run`, a function of the options and a Problems."""
    name = pathlib.Path(sys.argv[0]).stem
    parser = argparse.ArgumentParser(prog="python -m lowlight_tf" if name == "__main__" else name, description=description)
    tools = parser.add_subparsers(dest="tool", required=True, metavar="TOOL")
    tool = tools.add_parser("import_slim", help="turn an original TF1 slim checkpoint into one of ours")
    tool.add_argument("--camera", required=True, choices=["sony", "fuji"], help="whose network it is")
    tool.add_argument("--slim_checkpoint", required=True, help="prefix of the Saver's files, such as .../model.ckpt")
    tool.add_argument("--checkpoint_dir", required=True, help="new folder for the model")
    tool.set_defaults(run=_import_slim)
    tool = tools.add_parser("ship", help="make a trained model small: its parameters alone, as float16")
    tool.add_argument("--checkpoint_dir", required=True, help="the model's folder; several, between commas, are averaged")
    tool.add_argument("--output", required=True, help="new folder for the small model")
    tool.set_defaults(run=_ship)
    tool = tools.add_parser("calibrate", help="measure a camera's black level on pairs, and write the model that knows it")
    tool.add_argument("--checkpoint_dir", required=True, help="folder of the model")
    tool.add_argument("--data_dir", required=True, help="folder of the pairs, in SID's layout; those for training are measured")
    tool.add_argument("--camera", default="", choices=["", *CAMERAS], help="what the pairs are of (the model's camera where not given)")
    tool.add_argument("--output", required=True, help="new folder for the model")
    tool.set_defaults(run=_calibrate)
    add_app(tools)
    _add_inspect(tools)
    _add_simulate(tools)
    _add_transfer_study(tools)
    _add_plan(tools)
    _add_export(tools)
    add_describe(tools)
    tool = tools.add_parser("simulation_figure", help="show what four simple stages make of a picture")
    tool.add_argument("--input", required=True, help="a picture or a raw file")
    tool.add_argument("--output", required=True, help="the PNG to write")
    tool.add_argument("--seed", type=integer_below(2**31), default=0)
    tool.set_defaults(run=_simulation_figure)
    return parser
