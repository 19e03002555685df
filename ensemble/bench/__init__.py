"""What the ensemble room promises, measured, each promise beside the plain way in the same run."""
