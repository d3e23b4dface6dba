"""`python -m jepa_cli`, and what the command `jepa` starts."""

import gc
import signal


def main() -> None:
    """The command. Until it is there, Ctrl-C ends the process without a word."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from jepa_cli.app import app

    try:
        app()
    finally:
        gc.freeze()  # the process ends, and its memory with it: nobody need look for garbage


if __name__ == "__main__":
    main()
