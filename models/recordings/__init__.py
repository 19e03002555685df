"""Recordings on disk and in memory."""
