"""The label commands as a program: python -m tests.labelling.command COMMAND."""

import sys

import tyro

from core.errors import CafError
from curation.labelling.commands import label_commands


def main() -> None:
    """Parse, run, and turn a known error into one line on stderr."""
    try:
        code: int = tyro.extras.subcommand_cli_from_dict(label_commands, prog="label")
    except (CafError, ValueError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(code)


if __name__ == "__main__":
    main()
