"""The command line: `bconnect COMMAND`. Every error is one sentence and an exit code."""

import argparse
import importlib
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bconnect_bringup import __doc__ as purpose
from bconnect_bringup.console import table
from bconnect_bringup.supervisor import MARK
from bconnect_site.errors import ConfigError

OK, FAILED, WRONG = 0, 1, 2
# Commands that parse their own arguments: the module whose main(argv) they are, or module:function.
ELSEWHERE = {
    "sim": ("bconnect_sim.produce", "a simulated corridor that knows the truth"),
    "record": ("bconnect_replay.record", "what a running site says, as a bag"),
    "rerun": ("bconnect_replay.rerun", "judge a bag again, offline; same input, same bytes"),
    "diff": ("bconnect_replay.diff", "what two reruns say differently, and why"),
    "explain-violation": ("bconnect_replay.explain", "a verdict of a bag shown again"),
    "intake": ("bconnect_spool.serve", "the command centre's side of the spool"),
    "center": ("bconnect_center.serve", "the command centre: watch, decide, speak"),
    "score": ("bconnect_replay.score", "how good findings were against the truth"),
    "calibrate": ("bconnect_detect.calibrate", "where each place of an image lies on the ground"),
    "optimise-model": ("bconnect_detect.optimise", "int8 weights from a site's own pictures"),
    "verify": ("bconnect_detect.verify", "check sealed evidence"),
    "evidence": ("bconnect_bringup.evidence", "zips of sealed evidence, originals opened"),
    "camera": ("bconnect_bringup.switching", "switch a camera off for maintenance, and on again"),
    "metrics": ("bconnect_bringup.metrics", "a site's figures for Prometheus"),
    "units": ("bconnect_bringup.units", "systemd units: watchdog, hardening, egress shut"),
    "keys": ("bconnect_bringup.keys", "the keys that seal a site's evidence: list, rotate"),
    "secure": ("bconnect_bringup.securing", "an SROS2 keystore: an enclave for each process"),
    "ledger": ("bconnect_bringup.office:ledger", "upgrade or check a ledger"),
    "refer": ("bconnect_bringup.office:refer_case", "a confirmed case as PDF, JSON and zip"),
    "retain": ("bconnect_bringup.office:retain", "erase what may be kept no longer"),
    "trust": ("bconnect_bringup.office:trust", "what officers make of each rule"),
    "compliance": ("bconnect_bringup.office:compliance", "how many heed the loudspeakers"),
    "tow": ("bconnect_bringup.roadside:tow", "tow jobs: list them, an officer's yes, the way"),
    "stickers": ("bconnect_bringup.roadside:stickers", "sticker tasks: list, take, done"),
    "backup": ("bconnect_bringup.backup:backup", "a site's memory in one file"),
    "restore": ("bconnect_bringup.backup:restore", "a backup where no site is"),
    "city": ("bconnect_bringup.city", "several sites on many hosts: plan, up, status"),
    "law": ("bconnect_bringup.legal", "what would be cited on a day, and what is uncertain"),
}
NUMBER = re.compile(r"BC-(?P<site>[a-z][a-z0-9_]*)-\d{4}-\d+")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command. Returns the exit code: 0 done, 1 failed, 2 wrong input."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["python"]:
        os.execv(sys.executable, [sys.executable, *arguments[1:]])
    if arguments and arguments[0] in ELSEWHERE:
        return _guarded(lambda: _elsewhere(arguments[0], arguments[1:]))
    options = _parser().parse_args(arguments)
    return _guarded(lambda: options.run(options))


def _guarded(run: Callable[[], int]) -> int:
    try:
        return run()
    except ConfigError as error:
        for sentence in str(error).splitlines():
            print(f"{MARK}{sentence}", file=sys.stderr)
        return WRONG
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bconnect", description=purpose)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[Any], int], words: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=words, description=words)
        made.set_defaults(run=run)
        return made

    def with_site(made: argparse.ArgumentParser, many: str | None = None) -> None:
        made.add_argument("site", nargs=many, help="name of a site in config/, or a site file")

    def with_state(made: argparse.ArgumentParser) -> None:
        made.add_argument("--state", metavar="FOLDER", help="folder of all sites' state")

    made = command("up", _up, "run a site until Ctrl-C")
    with_site(made)
    with_state(made)
    made.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a value over the site file"
    )
    made = command("demo", _demo, "run the demonstration corridor to its end")
    with_state(made)
    made.add_argument("--minutes", type=float, default=8.0, help="longest time to run")
    made.add_argument("--keep", action="store_true", help="loop the footage until Ctrl-C")
    made.add_argument("--light", action="store_true", help="detect with ONNX Runtime, no torch")
    made.add_argument("--no-center", action="store_true", help="without the command centre")
    made = command("replay", _replay, "a bag through the whole graph of its site, speakers off")
    made.add_argument("bag", type=Path, help="a bag, or a folder with bag/ and site.yaml")
    made.add_argument("--site", help="judge by this site; default the one beside or in the bag")
    made.add_argument("--rate", type=float, default=1.0, help="times real time")
    made.add_argument("--start", type=float, default=0.0, metavar="S", help="s into the bag")
    made.add_argument("--loop", action="store_true", help="again and again until Ctrl-C")
    made.add_argument("--pause", action="store_true", help="wait for a key")
    made.add_argument("--from-images", action="store_true", help="detect anew")
    made.add_argument(
        "--image",
        action="append",
        default=[],
        metavar="CAMERA=TOPIC",
        help="for bags of other recorders: where a camera's pictures are",
    )
    with_state(made)
    made = command("status", _status, "nodes, rates, drops and last errors of what runs")
    with_site(made, "?")
    with_state(made)
    made.add_argument("--json", action="store_true", help="for programs")
    made = command("doctor", _doctor, "what would keep a site from working, and what to do")
    with_site(made)
    with_state(made)
    made.add_argument("--json", action="store_true", help="for programs")
    with_site(command("check", _check, "validate a site file"))
    with_site(command("explain", _explain, "every value of a site and the layer it came from"))
    with_site(command("plan", _plan, "the nodes and processes that run a site"))
    made = command("citations", _citations, "the citations in a site's ledger")
    with_site(made)
    with_state(made)
    made.add_argument(
        "--due", action="store_true", help="by when each must be validated, and what is overdue"
    )
    made.add_argument("--now", metavar="TIME", help="as if it were this local time (ISO)")
    made = command("review", _review, "an officer's decision on a citation")
    with_state(made)
    made.add_argument("number", help="e.g. BC-demo-2026-000001")
    made.add_argument("decision", choices=("confirm", "reject", "withdraw"))
    made.add_argument("--reviewer", required=True, help="who decides")
    made.add_argument("--reason", default="", help="needed to reject or withdraw")
    command("schema", _schema, "JSON schema of site files, for editors")
    command("version", _version, "version of this software")
    # Handled before parsing: what follows belongs to the other program.
    for name, (_, words) in ELSEWHERE.items():
        command(name, _version, f"{words} (bconnect {name} --help)")
    command("python", _version, "Python inside this environment (bconnect python -m pytest)")
    return parser


def _up(options: Any) -> int:
    from bconnect_bringup.prepare import load, prepare
    from bconnect_bringup.runner import up

    loaded = load(options.site, _settings(options.set))
    return up(prepare(loaded, state=options.state))


def _settings(pairs: Sequence[str]) -> dict[str, Any]:
    import yaml

    settings: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise ConfigError(f'--set: found "{pair}", needs KEY=VALUE')
        try:
            settings[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise ConfigError(f'--set: {key}: "{value}" is not a YAML value') from None
    return settings


def _demo(options: Any) -> int:
    from bconnect_bringup.demo import demo

    if not options.minutes > 0.0:
        raise ConfigError(f"--minutes: must be more than 0, found {options.minutes:g}")
    return demo(
        state=options.state,
        minutes=options.minutes,
        keep=options.keep,
        light=options.light,
        centre=not options.no_center,
    )


def _doctor(options: Any) -> int:
    from rclpy.clock import Clock, ClockType

    from bconnect_bringup.doctor import doctor

    now = int(Clock(clock_type=ClockType.SYSTEM_TIME).now().nanoseconds)
    return doctor(options.site, state=options.state, now=now, as_json=options.json)


def _replay(options: Any) -> int:
    from bconnect_bringup.replaying import How, replay

    if not 0.01 <= options.rate <= 100.0:
        raise ConfigError(f"--rate: found {options.rate:g}, allowed 0.01 to 100")
    how = How(
        options.rate,
        options.loop,
        options.start,
        options.pause,
        options.from_images,
        tuple(options.image),
    )
    return replay(options.bag, options.site, options.state, how)


def _status(options: Any) -> int:
    from bconnect_bringup.ask import listen
    from bconnect_bringup.health import judge, to_plain, to_table

    site, expected = _expected(options)
    heard = listen(lambda h: bool(expected) and all(name in h for name in expected))
    nodes = judge(heard, expected, site) if site else judge(heard, sorted(heard), "")
    if options.json:
        print(json.dumps({"site": site or None, "nodes": to_plain(nodes)}, indent=2))
    elif nodes:
        print(to_table(nodes))
    else:
        print("no node was heard on /diagnostics: nothing of B-Connect runs here")
    return FAILED if not nodes or any(node.bad for node in nodes) else OK


def _expected(options: Any) -> tuple[str, list[str]]:
    """The site's name and the full names of its nodes: of the running plan, or a fresh one."""
    from bconnect_bringup.prepare import load
    from bconnect_bringup.state import state_root
    from bconnect_site.plan import Plan, StateLayout, plan

    if options.site is None:
        return "", []
    root = state_root(options.state)
    try:
        loaded = load(options.site)
    except ConfigError:
        layout = StateLayout.of(root, options.site)
        if not layout.plan_file.is_file():
            raise
        site = options.site
    else:
        site = loaded.site.site
        layout = StateLayout.of(root, site)
        if not layout.plan_file.is_file():
            made = plan(loaded, site_file=str(layout.site_file), state_dir=str(root))
            return site, [node.full_name for node in made.nodes]
    made = Plan.from_json(layout.plan_file.read_text(encoding="utf-8"))
    return site, [node.full_name for node in made.nodes]


def _check(options: Any) -> int:
    from bconnect_bringup.prepare import load

    loaded = load(options.site)
    site = loaded.site
    print(
        f"{loaded.shown}: {site.kind} {site.site} is valid: {len(site.cameras)} cameras, "
        f"{len(site.signals)} signals, {len(site.speakers)} speakers"
    )
    return OK


def _explain(options: Any) -> int:
    from bconnect_bringup.prepare import load
    from bconnect_site.explain import explain, format_explanation

    print(format_explanation(explain(load(options.site)), full=not sys.stdout.isatty()))
    return OK


def _plan(options: Any) -> int:
    from bconnect_bringup.prepare import load
    from bconnect_bringup.state import state_root
    from bconnect_site.plan import StateLayout, plan

    loaded = load(options.site)
    root = state_root(None)
    layout = StateLayout.of(root, loaded.site.site)
    made = plan(loaded, site_file=str(layout.site_file), state_dir=str(root))
    rows = [(node.process, node.host or "here", node.full_name, node.target) for node in made.nodes]
    print(table(("PROCESS", "HOST", "NODE", "CLASS"), rows))
    return OK


def _citations(options: Any) -> int:
    from bconnect_bringup.ledger import layout_of, summary, to_table, zone_of

    if options.due:
        from bconnect_bringup.office import due_table

        print(due_table(options.site, options.state, options.now))
        return OK
    layout = layout_of(options.site, options.state)
    print(to_table(summary(layout), zone_of(layout)))
    return OK


def _review(options: Any) -> int:
    from bconnect_bringup.reviewing import decide
    from bconnect_bringup.state import state_root
    from bconnect_site.plan import StateLayout

    match = NUMBER.fullmatch(options.number)
    if match is None:
        raise ConfigError(
            f'number: found "{options.number}", needs the form BC-<site>-<year>-<serial>'
        )
    if options.decision != "confirm" and not options.reason.strip():
        raise ConfigError(f"--reason: is needed to {options.decision} a citation")
    layout = StateLayout.of(state_root(options.state), match["site"])
    done, message = decide(
        layout, options.number, options.decision, options.reviewer, options.reason
    )
    print(message, file=sys.stdout if done else sys.stderr)
    return OK if done else FAILED


def _schema(_: Any) -> int:
    from bconnect_site.model import Site
    from bconnect_site.schema import schema_text

    print(schema_text(Site), end="")
    return OK


def _version(_: Any) -> int:
    from bconnect_site import __version__

    print(f"bconnect {__version__}")
    return OK


def _elsewhere(command: str, arguments: list[str]) -> int:
    name, _, function = ELSEWHERE[command][0].partition(":")
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ConfigError(f"{command}: is not installed here: {error}") from None
    return int(getattr(module, function or "main")(arguments) or 0)


if __name__ == "__main__":
    sys.exit(main())
