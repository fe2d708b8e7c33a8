"""`python -m lipwright` is the `lipwright` command."""

from lipwright.cli.main import run

run()
