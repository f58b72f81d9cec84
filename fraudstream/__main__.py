"""Run the command line as `python -m fraudstream`."""

from fraudstream.cli import main

main()
