#!/usr/bin/env python
"""Breakwater's commands; `manage.py help` lists them."""

import os
import sys


def main() -> None:
    """Run one command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")
    if sys.argv[1:2] in (["relay"], ["executor"]):
        os.environ["BREAKWATER_ROLE"] = "executor"  # a process that touches the key loads the ground floor alone
    from django.core.management import execute_from_command_line

    from governance.errors import BreakwaterError
    from governance.management.base import complain

    try:
        execute_from_command_line(sys.argv)
    except BreakwaterError as error:
        sys.exit(complain(error, as_json="--json" in sys.argv))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
