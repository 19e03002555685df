"""What stands in the way of a search, looked for before money is spent."""
