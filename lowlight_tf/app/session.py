"""What the page works on: the photographs of one folder, the models, what was asked, and what is being developed.

The page names photographs, models and folders by words. They are looked up here among those that are known, and no path that the page
sends is ever opened.
"""

import collections
import dataclasses
import os
import pathlib
import shutil
import threading

from lowlight_tf.app.catalog import Entry, glance, key_of, measure
from lowlight_tf.app.develop import Development, output_folder
from lowlight_tf.app.kept_settings import kept_settings, with_result
from lowlight_tf.app.page_models import PageModels
from lowlight_tf.app.preview import decide, open_photograph
from lowlight_tf.app.state import State
from lowlight_tf.enhancement.config import EnhanceConfig
from lowlight_tf.enhancement.jobs import named_photographs, plan_jobs
from lowlight_tf.enhancement.settings import PhotoSettings, is_inside, write_settings
from lowlight_tf.errors import LowlightError, Problems, UsageError
from lowlight_tf.files import is_within
from lowlight_tf.network import QUALITIES
from lowlight_tf.pictures import SUFFIXES
from lowlight_tf.pictures.finishing import Finish

_OPEN_AT_ONCE = 2  # photographs that are kept decoded


class Session:
    """The page's photographs and what becomes of them. Its methods may be called from several threads."""

    def __init__(self, folder, result_dir, models, uploads, memory_limit=0):
        """Args: folder or None, folder of results, dict of a model's name -> its folder ("" ships), folder for uploads, bytes."""
        self.folder, self.result_dir, self.models = folder and pathlib.Path(folder), pathlib.Path(result_dir), dict(models)
        self.uploads, self.memory_limit = pathlib.Path(uploads), memory_limit
        self.entries, self.development, self.notices = {}, None, []
        self.state = State(PhotoSettings(model=next(iter(self.models.values()))))
        self._opened, self._written = collections.OrderedDict(), {}
        self._lock, self._working = threading.RLock(), threading.RLock()
        self._page_models = PageModels(self.models, self._working)

    @property
    def root(self):
        """The folder that the photographs lie in."""
        return self.folder or self.uploads

    def find(self):
        """Lists the photographs anew, as enhance.py finds them; those that were known stay as they are."""
        problems = Problems(lambda line: None)
        found = named_photographs([str(self.root)], self.result_dir, problems) if any(self.root.iterdir()) else {}
        entries = {}
        for path, inside in found.items():
            name = inside.as_posix()
            entries[name] = self.entries.get(name) or Entry(
                name,
                path,
                problem=""
                if is_within(path, self.root)
                else (
                    f"{path} is a link to a place outside {self.root}, which the page does not read; open that folder, or use enhance.py"
                ),
            )
        with self._lock:
            self.entries, self.notices = entries, list(problems.messages)
            self._restore()

    def _restore(self):
        """Takes up the settings that an earlier development of this folder has left."""
        if self.state.settings or self.folder is None:
            return
        try:
            kept = kept_settings(self.result_dir, self.folder, self.entries, self.models.values())
        except LowlightError as error:
            self.notices.append(str(error))
            return
        if kept:
            self.state = dataclasses.replace(self.state, settings=kept.photographs)
            self._written[str(self.result_dir)] = kept

    def name_of(self, key):
        """Returns the name of the photograph that the page calls by a key.

        Raises:
          LowlightError: for what is no key of theirs.
        """
        found = next((name for name in self.entries if key_of(name) == key), None)
        if found is None:
            raise LowlightError("this is none of the photographs of the page; choose one of the strip")
        return found

    def entry(self, name):
        """Returns the Entry of a photograph.

        Raises:
          LowlightError: for a name that is none of theirs.
        """
        found = self.entries.get(name)
        if found is None:
            raise LowlightError(f"{name} is none of the photographs of this page; choose one of the strip")
        return found

    def look_at(self, name):
        """Reads the head of a photograph, once."""
        entry = self.entry(name)
        if not entry.problem and not entry.thumbnail and entry.mean is None:
            self._keep(glance(name, entry.path))

    def measure(self, name):
        """Finds out how dark a photograph is, once."""
        entry = self.entry(name)
        if not entry.is_measured:
            self._keep(measure(entry, self.model(self.state.of(name).model, entry.path).camera))

    def _keep(self, entry):
        with self._lock:
            self.entries[entry.name] = entry

    def add(self, path):
        """Takes an uploaded file into the folder of uploads: the name that it has there."""
        path = pathlib.Path(path)
        taken = {name.casefold() for name in os.listdir(self.uploads)}
        name, number = path.name, 1
        while name.casefold() in taken:
            number += 1
            name = f"{path.stem}_{number}{path.suffix}"
        shutil.move(path, self.uploads / name)
        return name

    def model(self, folder, path=None, quality="normal"):
        """As `PageModels.model`."""
        return self._page_models.model(folder, path, quality)

    def warm(self):
        """As `PageModels.warm`."""
        self._page_models.warm()

    def look(self, name, view, *arguments):
        """Makes a view of a photograph as it is asked for.

        Args:
          name: of the photograph.
          view: function of an Opened, a PhotoSettings, a Decided and `arguments`.
        Returns:
          what it returns, the Opened, and the Decided.
        Raises:
          LowlightError: where the photograph cannot be used.
        """
        entry, asked = self.entry(name), self.state.of(name)
        if entry.problem:
            raise LowlightError(entry.problem)
        with self._working:
            opened = self._open(entry, asked.model)
            decided = decide(opened, asked)
            return view(opened, asked, decided, *arguments), opened, decided

    def _open(self, entry, model):
        key = entry.name, model
        if key not in self._opened:
            while len(self._opened) >= _OPEN_AT_ONCE:
                self._opened.popitem(last=False)
            self._opened[key] = open_photograph(entry.path, self.model(model, entry.path))
        self._opened.move_to_end(key)
        return self._opened[key]

    def change(self, change):
        """Replaces the State by `change` of it."""
        with self._lock:
            self.state = change(self.state)

    def folder_for(self, said):
        """Returns the folder of results that the page names: one within result_dir.

        Raises:
          UsageError: for any other.
        """
        said = said.strip()
        folder = self.result_dir / said
        if said and not (is_inside(said) and is_within(folder, self.result_dir)):
            raise UsageError(
                f"the folder {said!r} is not within {self.result_dir}; expected a name such as 'web', and another place is "
                "what lowlight app --result_dir is for"
            )
        return folder

    def develop(self, names, kind, jpeg_quality, said_folder, quality="normal"):
        """Begins to develop photographs.

        Args:
          names: of photographs.
          kind: a key of pictures.SUFFIXES.
          jpeg_quality: of JPEGs, 1 to 100.
          said_folder: a folder within result_dir, or "".
          quality: one of network.QUALITIES.
        Raises:
          LowlightError: where nothing can be done.
        """
        if self.development and self.development.is_running:
            raise LowlightError("photographs are being developed; wait, or cancel that")
        if kind not in SUFFIXES or quality not in QUALITIES or not 1 <= jpeg_quality <= 100:
            raise UsageError(f"expected one of {', '.join((*SUFFIXES, *QUALITIES))}, and a JPEG quality from 1 to 100")
        folder, wanted = self.folder_for(said_folder), {name for name in names if not self.entry(name).problem}
        problems = Problems(lambda line: None)
        planned = plan_jobs([str(self.root)], str(folder), SUFFIXES[kind], problems) if wanted else []
        jobs = [
            dataclasses.replace(job, asked=self.state.of(job.inside))
            for job in planned
            if job.inside in wanted and is_within(output_folder(job), self.result_dir)
        ]
        if not jobs:
            raise LowlightError("; ".join(problems.messages) or "no photograph is selected that can be developed; select one in the strip")
        self.notices = list(problems.messages)
        config = EnhanceConfig(
            "",
            str(folder),
            kind,
            jpeg_quality=jpeg_quality,
            quality=quality,
            memory_limit=self.memory_limit,
            finish=Finish(linear=kind == "dng", eight_bits=kind == "jpeg"),
        )
        self.development = Development(jobs, config, lambda job: self._model_of(job, quality), lambda job: self._note(job, config))

    def _model_of(self, job, quality):
        asked = job.asked.model if job.asked.model in self.models.values() else ""
        return self.model(asked, job.source, quality)

    def _note(self, job, config):
        """Writes into lowlight.json what a result was made with. A folder's file is of one format and one quality."""
        settings = with_result(self._written.get(config.result_dir), job, config, self.folder)
        self._written[config.result_dir] = settings
        write_settings(config.result_dir, settings)
