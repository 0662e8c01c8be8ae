"""HTML pages that compare pictures."""
