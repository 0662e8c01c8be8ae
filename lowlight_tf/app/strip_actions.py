"""What the events of the strip, of uploads and of development do to a Session, and what they answer."""

import dataclasses
import time

import gradio as gr

from lowlight_tf.app import views
from lowlight_tf.app.catalog import in_order

_EVERY = 0.6  # seconds between two looks at the strip while it is filled


class StripActions:
    """The events of the strip."""

    def __init__(self, session):
        self._session = session

    def _strip(self, order):
        return views.strip(
            in_order(list(self._session.entries.values()), order if order in ("time", "darkness") else "name"), self._session.state.selected
        )

    def fill(self, order):
        """Lists the photographs, then looks at each, then measures each: yields the strip and lines as they come."""
        session = self._session
        session.find()
        yield self._strip(order), views.notice(session.notices)
        for step in (session.look_at, session.measure):
            last = 0.0
            for name in list(session.entries):
                step(name)
                if time.monotonic() - last > max(_EVERY, len(session.entries) / 100):  # the strip is sent as a whole
                    last = time.monotonic()
                    yield self._strip(order), gr.skip()
            yield self._strip(order), gr.skip()

    def sort(self, order):
        """Answers the strip in another order."""
        return self._strip(order)

    def _count(self):
        return views.notice([f"{len(self._session.state.selected)} selected"])

    def _select_all(self, order, names):
        self._session.change(lambda state: dataclasses.replace(state, selected=frozenset(names)))
        return self._strip(order), self._count()

    def select_everything(self, order):
        """Puts all photographs that can be used into the selection."""
        return self._select_all(order, [name for name, entry in self._session.entries.items() if not entry.problem])

    def select_nothing(self, order):
        """Empties the selection."""
        return self._select_all(order, [])

    def select(self, event: gr.EventData):
        """Puts one photograph into the selection, or takes it out."""
        try:
            name = self._session.name_of(str(event._data.get("key")))
            self._session.change(lambda state: state.with_selected(name, event._data.get("checked") is True))
        except Exception as error:  # noqa: BLE001
            return views.notice([views.line_of(error)])
        return self._count()

    def upload(self, paths):
        """Takes uploaded files in."""
        lines = []
        for path in paths or []:
            try:
                self._session.add(path)
            except OSError as error:
                lines.append(f"{path} could not be taken: {error.strerror}")
        return None, views.notice(lines)


class DevelopActions:
    """The events of what is developed."""

    def __init__(self, session):
        self._session = session

    def begin(self, which, kind, jpeg_quality, quality, folder):
        """Begins to develop."""
        session = self._session
        try:
            usable = [name for name, entry in session.entries.items() if not entry.problem]
            session.develop(usable if which == "all" else session.state.selected, kind, int(jpeg_quality), folder or "", quality)
        except Exception as error:  # noqa: BLE001
            return gr.skip(), gr.skip(), views.notice([views.line_of(error)])
        return views.development(session.development), gr.Timer(active=True), views.notice(session.notices)

    def cancel(self):
        """Ends what is being developed."""
        if self._session.development:
            self._session.development.cancel()
        return views.development(self._session.development)

    def tick(self):
        """Answers how far the development is."""
        run = self._session.development
        return views.development(run), gr.Timer(active=bool(run and run.is_running))
