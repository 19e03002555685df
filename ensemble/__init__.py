"""The best models of a search, together: selection, predictions, submission files."""
