"""``python3 -m installer``: the same as ``holdfast-installer``."""

import sys

from installer.main import main

sys.exit(main())
