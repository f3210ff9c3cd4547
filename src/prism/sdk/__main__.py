"""`python -m prism.sdk NAME` serves a plugin in a process of its own."""

from prism.host import main

if __name__ == "__main__":
    main()
