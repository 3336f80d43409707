"""`bench`, `estibench` and `python -m estibench`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line. A user's mistake is one line per mistake on stderr and exit code 2, never a traceback."""
    try:
        from estibench.cli import bench
        from estibench.errors import UserError
    except KeyboardInterrupt:  # the command line itself says so from here on
        print("\nstopped", file=sys.stderr)
        sys.exit(130)

    try:
        bench(prog_name="bench")
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:  # a full disk, a folder that vanished
        print(error, file=sys.stderr)
        sys.exit(UserError.exit_code)


if __name__ == "__main__":
    main()
