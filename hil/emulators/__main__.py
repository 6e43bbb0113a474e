"""``python -m hil.emulators``: serve a node, or several, as JSON on the command line says.

It prints one line of JSON, the ports of every instrument, and serves until it is stopped.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence

from .node import serve_nodes
from .settings import SettingsError


def build_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = argparse.ArgumentParser(prog="python -m hil.emulators", description=__doc__)
    parser.add_argument(
        "document", help="JSON of the node, or a list of nodes; - to read it from stdin"
    )
    parser.add_argument("--bind", default="127.0.0.1", help="address to listen on")
    parser.add_argument(
        "--stop-at-eof", action="store_true", help="end when standard input does: with its parent"
    )
    return parser


def main(words: Sequence[str] | None = None) -> int:
    """Serve until told to stop."""
    given = build_parser().parse_args(words)
    text = sys.stdin.readline() if given.document == "-" else given.document
    try:
        told = json.loads(text)
        nodes = told if isinstance(told, list) else [told]
        asyncio.run(serve_nodes(*nodes, host=given.bind, stop_at_eof=given.stop_at_eof))
    except (ValueError, SettingsError) as fault:
        print(fault, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
