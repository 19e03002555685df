"""The best configurations of a search, trained again on every fold with new seeds."""
