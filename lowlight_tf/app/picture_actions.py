"""What the events of the pictures and controls do to a Session, and what they answer: an error as a line, where the picture would be."""

import dataclasses
import functools

import gradio as gr

from lowlight_tf.app import controls, views
from lowlight_tf.app.pieces import on_sensor
from lowlight_tf.app.preview import AMPLIFIED, AS_SHOT, box_at, view_crop, view_whole
from lowlight_tf.errors import LowlightError
from lowlight_tf.raw.balancing import grey_gains
from lowlight_tf.raw.white_balance import of_gains

SHOW_THERE, TAKE_AS_GREY = CLICKS = "shows that place at 100 %", "takes that spot for grey"


@dataclasses.dataclass(frozen=True)
class Shown:
    """What a browser shows: the key of a photograph, the middle of the piece at 100 % (across, down), and what it is compared with."""

    key: str = ""
    place: tuple = (0.5, 0.5)
    before: str = AMPLIFIED


def _answers(action):
    """Makes an action of what is shown answer all that depends on it, or the line of its error."""

    @functools.wraps(action)
    def guarded(self, shown, *arguments):
        shown = shown or Shown()
        try:
            shown = action(self, shown, *arguments) or shown
        except Exception as error:  # noqa: BLE001
            return self._piece(shown, [views.line_of(error)])
        return self._piece(shown, [])

    return guarded


class PictureActions:
    """The events of the pictures and of the controls beside them."""

    def __init__(self, session):
        self._session = session

    def _piece(self, shown, lines):
        """Answers the piece at 100 %, the facts, and the controls as they now stand."""
        session, (across, down) = self._session, (round(100 * fraction) for fraction in shown.place)
        kept = [gr.skip()] * len(controls.FIELDS)
        if not shown.key:
            return [shown, "", "", views.notice(lines), across, down, *kept]
        try:
            name = session.name_of(shown.key)
            entry, asked = session.entry(name), session.state.of(name)
            view, opened, decided = session.look(name, view_crop, shown.place, shown.before)
            values = controls.shown(asked, decided, opened.frame, session.models)
            crop = views.compared(view, shown.before, f"{entry.name} at 100 %", exact=True)
            facts = views.facts(controls.in_words(entry, asked, decided, values, opened.frame))
        except Exception as error:  # noqa: BLE001
            return [shown, views.problem(views.line_of(error)), "", views.notice(lines), across, down, *kept]
        return [shown, crop, facts, views.notice(lines), across, down, *dataclasses.astuple(values)]

    def frame(self, shown):
        """Answers the whole frame, with the piece marked in it."""
        if not shown or not shown.key:
            return gr.skip()
        try:
            name = self._session.name_of(shown.key)
            view, opened, _ = self._session.look(name, view_whole, shown.before)
            return views.compared(view, shown.before, name, box=box_at(opened, shown.place))
        except Exception as error:  # noqa: BLE001
            return views.problem(views.line_of(error))

    def _changed(self, name, asked, what=None):
        self._session.change(lambda state: state.changed([name], asked, what))

    @_answers
    def open(self, shown, data):
        """Shows another photograph."""
        self._session.name_of(str(data.get("key")))
        return dataclasses.replace(shown, key=str(data.get("key")), place=(0.5, 0.5))

    @_answers
    def click(self, shown, click, data, in_piece):
        """Shows the place that was clicked at 100 %, or takes it for grey.

        Args:
          shown: a Shown.
          click: one of CLICKS.
          data: what the event says: x and y, fractions of the picture.
          in_piece: the picture was the piece at 100 %, not the whole frame.
        """
        across, down = (min(max(float(data.get(axis, 0.5)), 0.0), 1.0) for axis in ("x", "y"))
        opened = self._opened(shown)
        if in_piece:
            left, top, width, height = box_at(opened, shown.place)
            across, down = left + across * width, top + down * height
        if click == SHOW_THERE:
            return dataclasses.replace(shown, place=(across, down))
        self._take_grey(shown, opened, (across, down))
        return shown

    def _opened(self, shown):
        return self._session.look(self._session.name_of(shown.key), lambda *_: None)[1]

    def _take_grey(self, shown, opened, place):
        down, across = (
            fraction * size for fraction, size in zip(on_sensor(place, opened.frame.flip), opened.frame.mosaic.shape, strict=False)
        )
        name, balance = self._session.name_of(shown.key), of_gains(grey_gains(opened.frame, down, across))
        self._changed(name, dataclasses.replace(self._session.state.of(name), white_balance=balance))

    @_answers
    def move(self, shown, across, down):
        """Shows another place at 100 %."""
        return dataclasses.replace(shown, place=(across / 100, down / 100))

    @_answers
    def compare_with(self, shown, before):
        """Compares with another picture."""
        return dataclasses.replace(shown, before=before if before in (AMPLIFIED, AS_SHOT) else AMPLIFIED)

    def ask(self, shown, what, *values):
        """Asks for what the controls say, of which `what` was moved. "From a grey spot" takes the middle of the piece.

        Of the controls only those are answered that follow from it: one that is still being moved is not pulled back to where it was.
        """
        answer = self._ask(shown, what, *values)
        start = len(answer) - len(values)
        kept = [field == what or old == new for field, old, new in zip(controls.FIELDS, values, answer[start:], strict=False)]
        return answer[:start] + [gr.skip() if keep else new for keep, new in zip(kept, answer[start:], strict=False)]

    @_answers
    def _ask(self, shown, what, *values):
        name, said = self._session.name_of(shown.key), controls.Controls(*values)
        if what == "balance" and said.balance == controls.GREY:
            self._take_grey(shown, self._opened(shown), shown.place)
        else:
            self._changed(name, controls.asked_of(said, what, self._session.state.of(name), self._session.models), what)

    @_answers
    def undo(self, shown):
        """Undoes the last change, whichever photograph it was of."""
        self._session.change(lambda state: state.undone())

    @_answers
    def reset(self, shown):
        """Asks for nothing of the photograph that is shown."""
        self._changed(self._session.name_of(shown.key), self._session.state.default)

    @_answers
    def copy(self, shown):
        """Asks of the selected photographs what is asked of the one that is shown."""
        name, selected = self._session.name_of(shown.key), sorted(self._session.state.selected)
        if not selected:
            raise LowlightError("no photograph is selected; tick some in the strip")
        self._session.change(lambda state: state.changed(selected, state.of(name)))
