"""The report of an ensemble: a part of the page a file, `page` puts them together."""
