"""One model: its recordings, its network, its training, its predictions, its score."""
