"""`python -m edge.cli`: the command `edge`, also where it is not installed."""

import sys

from edge.cli import main

sys.exit(main())
