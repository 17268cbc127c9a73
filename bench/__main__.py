"""The command: `python -m bench run | update | report | compare`."""

import argparse
import sys

from bench import compare, report, run
from bench.results import kept


def main() -> int:
    """Do what the arguments say."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure, report, compare.")
    commands = parser.add_subparsers(dest="command", required=True)

    one = commands.add_parser("run", help="measure and keep the figures in bench/results")
    one.add_argument("--quick", action="store_true", help="fewer cases, and less time for each")
    one.add_argument("--only", default="", metavar="NAME", help="cases with this in their name; accuracy; first_call")

    again = commands.add_parser("update", help="measure some groups anew, within this machine's last run")
    again.add_argument("groups", nargs="+", choices=list(report.GROUPS), metavar="GROUP", help=", ".join(report.GROUPS))

    commands.add_parser("report", help="write docs/benchmarks.md, a page a machine, charts and the table of the README")

    three = commands.add_parser("compare", help="tell what got slower or faster since a revision")
    three.add_argument("revision", help="such as HEAD, a tag or a hash")
    three.add_argument("--only", default="", metavar="NAME", help="cases with this in their name")
    three.add_argument("--processes", type=int, default=5, help="of each side; 5 by default")
    three.add_argument("--full", action="store_true", help="also the cases of the full run")

    options = parser.parse_args()
    if options.command == "run":
        results, path = run.run(options.quick, options.only)
        if options.only:
            print(report.machine_page(results))
        print(f"saved {path}")
    elif options.command == "update":
        print(f"saved {run.update(options.groups)[1]}")
    elif options.command == "report":
        runs = kept()
        if not runs:
            parser.error("there are no results yet: python -m bench run --quick")
        from bench import charts  # only here: it needs matplotlib

        for written in report.write(runs, charts.draw(next(iter(runs.values())))):
            print(f"wrote {written}")
    else:
        judged = compare.compare(options.revision, options.only, options.processes, options.full)
        print(compare.summary(judged, options.revision))
    return 0


if __name__ == "__main__":
    sys.exit(main())
