"""What was asked of each photograph, what is selected, and how it is undone: values that do not change."""

import dataclasses

from lowlight_tf.enhancement.settings import PhotoSettings

_MOST_STEPS = 200


@dataclasses.dataclass(frozen=True)
class State:
    """The state of the page.

    Attributes:
      default: the PhotoSettings of a photograph of which nothing was asked.
      settings: dict of a photograph's name -> PhotoSettings; what is not there is `default`.
      selected: frozenset of names.
      past: tuple of (what was changed, the settings before), the last one at its end.
    """

    default: PhotoSettings
    settings: dict = dataclasses.field(default_factory=dict)
    selected: frozenset = frozenset()
    past: tuple = ()

    def of(self, name):
        """Returns the PhotoSettings of a photograph."""
        return self.settings.get(name, self.default)

    def changed(self, names, asked, what=None):
        """Returns the State in which `asked` is asked of photographs.

        Args:
          names: of photographs.
          asked: a PhotoSettings.
          what: names a control: changes of the same one in a row are undone at once, as a slider that is drawn makes many.
        """
        settings = {**self.settings, **dict.fromkeys(names, asked)}
        if all(self.of(name) == asked for name in names):
            return self
        key = (what, tuple(names)) if what else None
        again = key is not None and self.past and self.past[-1][0] == key
        past = self.past if again else (*self.past, (key, self.settings))[-_MOST_STEPS:]
        return dataclasses.replace(self, settings=settings, past=past)

    def undone(self):
        """Returns the State before the last change; the same one where nothing was changed."""
        if not self.past:
            return self
        return dataclasses.replace(self, settings=self.past[-1][1], past=self.past[:-1])

    def with_selected(self, name, is_selected):
        """Returns the State with a photograph in the selection, or not."""
        return dataclasses.replace(self, selected=self.selected | {name} if is_selected else self.selected - {name})
