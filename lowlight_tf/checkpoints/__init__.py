"""Parameters on disk: written, read, imported from the authors', and made ready to ship."""
