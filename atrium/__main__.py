"""`python -m atrium` is `atrium`."""

from atrium.cli import main

main()
