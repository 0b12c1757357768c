"""python -m shortlist: the command `shortlist` where it is not installed."""

from shortlist.command import main

if __name__ == "__main__":
    main(prog_name="shortlist")
