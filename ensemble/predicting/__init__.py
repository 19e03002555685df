"""Predicting with all members, part by part, in this process or spread over a cluster."""
