"""``python -m costsim`` is the command line."""

from costsim.cli import main

if __name__ == "__main__":
    main()
