"""A cloud's notice that this machine is taken away in a moment: two minutes before, on AWS.

Elsewhere nothing answers at AWS's address, and nobody asks again.
"""

import os
import time

import requests

ADDRESS = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
"""The variable by which AWS's own tools are told another address."""
USUAL = "http://169.254.169.254"
TOKEN = "X-aws-ec2-metadata-token"
LIFE = {f"{TOKEN}-ttl-seconds": "60"}
EVERY = 5.0
"""Seconds between questions."""
PATIENCE = 1.0
"""Seconds for an answer, which comes from this machine."""


class Notice:
    """Asks now and then, while a run trains."""

    def __init__(self) -> None:
        self._address = os.environ.get(ADDRESS, USUAL)
        self._is_there = True
        self._due = 0.0
        self.given = False
        """Whether there was a notice; it is never taken back."""

    def look(self) -> bool:
        """Whether there is a notice; takes milliseconds, and but for the first time no longer."""
        if self._is_there and not self.given and time.monotonic() >= self._due:
            self._due = time.monotonic() + EVERY
            self.given = self._ask()
        return self.given

    def _ask(self) -> bool:
        place = f"{self._address}/latest"
        try:
            token = requests.put(f"{place}/api/token", headers=LIFE, timeout=PATIENCE).text
            question, by = f"{place}/meta-data/spot/instance-action", {TOKEN: token}
            return requests.get(question, headers=by, timeout=PATIENCE).status_code == 200
        except requests.RequestException:
            self._is_there = False
            return False
