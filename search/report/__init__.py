"""The report of a search: one HTML file that needs no server and no internet."""
