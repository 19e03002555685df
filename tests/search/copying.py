"""A process that runs a search, or goes on with it, whose records are in its store within moments.

python -m tests.search.copying <plan.json> <home>
"""

import sys

from search import copies
from tests.search.searching import main

if __name__ == "__main__":
    copies.EVERY = 0.2
    copies.GONE = 2.0
    main(*sys.argv[1:])
