"""The page as Gradio shows it: which control calls what. What it works on is the Session, what it says is in views."""

import pathlib

import gradio as gr

from lowlight_tf.app import views
from lowlight_tf.app.controls import BALANCES, FIELDS, MOST_STOPS
from lowlight_tf.app.picture_actions import CLICKS, SHOW_THERE, PictureActions
from lowlight_tf.app.preview import AMPLIFIED, AS_SHOT
from lowlight_tf.app.strip_actions import DevelopActions, StripActions
from lowlight_tf.network import QUALITIES
from lowlight_tf.pictures import MOST_STRENGTH, SUFFIXES
from lowlight_tf.raw.photograph_files import SUFFIXES as PHOTOGRAPHS
from lowlight_tf.raw.white_balance import COLDEST, MOST_TINT, WARMEST

_HERE = pathlib.Path(__file__).parent
_TICK = 0.7  # seconds between two looks at what is being developed
_QUALITIES = "fast: a narrower network, in half of the time; best: the mean over the frame and its mirror images, in four times"
_HINT = '<p class="notice">Choose a photograph above.</p>'


def _pictures(name, label):
    return gr.HTML(_HINT if name == "frame" else "", elem_id=name, label=label, js_on_load=(_HERE / "compare.js").read_text())


def _strip_row(session):
    gr.HTML(f"<h1>lowlight</h1><p>{views.text(session.folder or 'Photographs that are dropped here')}</p>", elem_id="head")
    upload = gr.File(
        label="Drop photographs here, or choose them: raw, JPEG, TIFF, PNG",
        file_count="multiple",
        file_types=list(PHOTOGRAPHS),
        visible=session.folder is None,
        elem_id="upload",
        height=140,
    )
    with gr.Row():
        order = gr.Radio(["name", "time", "darkness"], value="name", label="Sort by", elem_id="order")
        everything, nothing = gr.Button("Select all", elem_id="select_all"), gr.Button("Select none", elem_id="select_none")
    strip = gr.HTML(views.strip([], ()), elem_id="strip", js_on_load=(_HERE / "strip.js").read_text())
    selected = gr.HTML(views.notice(["0 selected"]), elem_id="selected")
    return {
        "selected": selected,
        "upload": upload,
        "order": order,
        "everything": everything,
        "nothing": nothing,
        "strip": strip,
        "notice": gr.HTML("", elem_id="notice"),
    }


def _picture_column():
    frame = _pictures("frame", "Whole frame")
    with gr.Row():
        before = gr.Radio([AMPLIFIED, AS_SHOT], value=AMPLIFIED, label="Compare with", elem_id="before")
        click = gr.Radio(list(CLICKS), value=SHOW_THERE, label="A click into a picture", elem_id="click")
    crop = _pictures("crop", "100 %")
    with gr.Row():
        across = gr.Slider(0, 100, value=50, step=1, label="The piece at 100 %: across, %", elem_id="across")
        down = gr.Slider(0, 100, value=50, step=1, label="The piece at 100 %: down, %", elem_id="down")
    return {"frame": frame, "before": before, "click": click, "crop": crop, "across": across, "down": down}


def _controls(session):
    """The Gradio components of the Controls, by the names of its fields."""
    made = {
        "ratio_auto": gr.Checkbox(True, label="Ratio: auto", elem_id="ratio_auto"),
        "stops": gr.Slider(0, round(MOST_STOPS, 2), value=0, step=0.05, label="Ratio, in stops of light", elem_id="stops"),
        "strength_auto": gr.Checkbox(True, label="Strength: auto", elem_id="strength_auto"),
        "strength": gr.Slider(
            0, MOST_STRENGTH, value=1, step=0.01, label="Strength of the network", info="above 1: smoother", elem_id="strength"
        ),
        "exposure": gr.Slider(-8, 8, value=0, step=0.05, label="Exposure, stops", elem_id="exposure"),
        "balance": gr.Dropdown(list(BALANCES), value="As shot", label="White balance", elem_id="balance", filterable=False),
        "kelvin": gr.Slider(WARMEST, COLDEST, value=5500, step=10, label="Temperature, K", elem_id="kelvin"),
        "tint": gr.Slider(-MOST_TINT, MOST_TINT, value=0, step=1, label="Tint, green to magenta", elem_id="tint"),
        "model": gr.Dropdown(
            list(session.models),
            value=next(iter(session.models)),
            label="Model",
            elem_id="model",
            filterable=False,
            visible=len(session.models) > 1,
        ),
    }
    return {name: made[name] for name in FIELDS}


def _setting_column(session):
    controls = _controls(session)
    with gr.Row():
        buttons = {"undo": gr.Button("Undo", elem_id="undo", min_width=80), "reset": gr.Button("Reset", elem_id="reset", min_width=80)}
    buttons["copy"] = gr.Button("Copy these settings to the selection", elem_id="copy")
    return controls, buttons, gr.HTML("", elem_id="facts")


def _develop_row(session):
    gr.HTML(f"<h2>Develop</h2><p>Results go to {views.text(session.result_dir)}. No file of yours is replaced.</p>")
    with gr.Row():
        made = {
            "which": gr.Radio(["selection", "all"], value="selection", label="Which photographs", elem_id="which"),
            "kind": gr.Dropdown(list(SUFFIXES), value="jpeg", label="Format", elem_id="kind", filterable=False),
            "jpeg_quality": gr.Slider(1, 100, value=95, step=1, label="JPEG quality", elem_id="jpeg_quality"),
            "quality": gr.Radio(list(QUALITIES), value="normal", label="Quality", info=_QUALITIES, elem_id="quality"),
            "folder": gr.Textbox("", label="Folder within the results", placeholder="the results themselves", elem_id="folder"),
        }
    with gr.Row():
        made["develop"] = gr.Button("Develop", variant="primary", elem_id="develop")
        made["cancel"] = gr.Button("Cancel", elem_id="cancel")
    return {**made, "progress": gr.HTML("", elem_id="progress")}


def _wire_strip(page, actions, ui):
    fill = dict(fn=actions.fill, inputs=ui["order"], outputs=[ui["strip"], ui["notice"]], show_progress="hidden")
    page.load(**fill)
    ui["order"].input(actions.sort, ui["order"], ui["strip"], show_progress="hidden")
    ui["everything"].click(actions.select_everything, ui["order"], [ui["strip"], ui["selected"]], show_progress="hidden")
    ui["nothing"].click(actions.select_nothing, ui["order"], [ui["strip"], ui["selected"]], show_progress="hidden")
    ui["strip"].select(actions.select, None, ui["selected"], show_progress="hidden")
    ui["upload"].upload(actions.upload, ui["upload"], [ui["upload"], ui["notice"]]).then(**fill)


def _wire_pictures(actions, ui, controls, buttons, shown, show):
    def opened(shown, event: gr.EventData):
        return actions.open(shown, event._data)

    def clicked(in_piece):
        def act(shown, click, event: gr.EventData):
            return actions.click(shown, click, event._data, in_piece)

        return act

    show(ui["strip"].click, opened, [shown])
    for name in ("frame", "crop"):
        show(ui[name].select, clicked(name == "crop"), [shown, ui["click"]])
    for name in ("across", "down"):
        show(ui[name].input, actions.move, [shown, ui["across"], ui["down"]])
    show(ui["before"].input, actions.compare_with, [shown, ui["before"]])
    for what, control in controls.items():
        show(control.input, lambda shown, *values, what=what: actions.ask(shown, what, *values), [shown, *controls.values()])
    for name, button in buttons.items():
        show(button.click, getattr(actions, name), [shown])


def _wire_develop(page, actions, ui):
    timer = gr.Timer(_TICK, active=False)
    ui["develop"].click(
        actions.begin,
        [ui[name] for name in ("which", "kind", "jpeg_quality", "quality", "folder")],
        [ui["progress"], timer, ui["notice"]],
        show_progress="hidden",
    )
    ui["cancel"].click(actions.cancel, None, ui["progress"], show_progress="hidden")
    timer.tick(actions.tick, None, [ui["progress"], timer], show_progress="hidden")
    page.load(actions.tick, None, [ui["progress"], timer], show_progress="hidden")


def build(session):
    """Builds the page of a Session: a gradio.Blocks."""
    with gr.Blocks(title="lowlight", analytics_enabled=False, delete_cache=(3600, 24 * 3600)) as page:
        ui = _strip_row(session)
        with gr.Row():
            with gr.Column(scale=3, min_width=320):
                ui |= _picture_column()
            with gr.Column(scale=1, min_width=300):
                controls, buttons, facts = _setting_column(session)
        ui |= _develop_row(session)
        shown, pictures = gr.State(None), PictureActions(session)
        outputs = [shown, ui["crop"], facts, ui["notice"], ui["across"], ui["down"], *controls.values()]

        def show(event, action, inputs):
            """Wires an event that changes what is shown: the piece comes with its answer, and the whole frame follows."""
            event(action, inputs, outputs, show_progress="hidden", trigger_mode="always_last").then(
                pictures.frame, shown, ui["frame"], show_progress="hidden", trigger_mode="always_last"
            )

        _wire_strip(page, StripActions(session), ui)
        _wire_pictures(pictures, ui, controls, buttons, shown, show)
        _wire_develop(page, DevelopActions(session), ui)
    return page
