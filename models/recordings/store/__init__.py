"""The packed form of recordings: what random clips need, mapped into memory, checked by checksums."""
