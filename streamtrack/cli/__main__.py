"""`python -m streamtrack.cli`."""

from streamtrack.cli.main import main

if __name__ == "__main__":
    main()
