"""`python -m jepa_cli`, and what the command `jepa` starts."""

import signal


def main() -> None:
    """The command. Until it is there, Ctrl-C ends the process without a word."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from jepa_cli.app import app
    from jepa_cli.terminal.loading import this_is_the_process

    this_is_the_process()
    app()


if __name__ == "__main__":
    main()
