"""From examples to a trained model, and from there to another camera's."""
