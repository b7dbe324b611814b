"""`python -m ibgw_tui` is `ibgw`."""

import sys

from ibgw_tui.cli.main import main

sys.exit(main())
