"""Runs checkov on what both charts render, and holds its findings against those that each chart explains (ci/checkov.txt).

usage: checkov.py CHECKOV HELM
"""

import json
import pathlib
import subprocess
import sys
import tempfile


def explained(chart):
    """The checks that the chart explains, with the reason."""
    lines = (chart / "ci/checkov.txt").read_text().splitlines()
    return dict(line.split(None, 1) for line in lines if line and not line.startswith("#"))


def rendered(helm, chart, directory):
    """What the chart renders with each of the values of its ci directory, and with its own where they are complete."""
    own = [] if chart.name == "flash-pod" else [None]
    for values in [*own, *sorted(chart.glob("ci/*-values.yaml"))]:
        command = [helm, "template", "flash-a", str(chart), "--namespace", "flashjob-system"]
        command += ["--values", str(values)] if values else []
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        name = values.stem if values else "default"
        (directory / f"{name}.yaml").write_text(output)


def findings(checkov, directory):
    """The failed checks: what was found, and where."""
    command = [checkov, "--skip-download", "--framework", "kubernetes", "--quiet", "--compact", "-o", "json"]
    output = subprocess.run([*command, "-d", str(directory)], capture_output=True, text=True)
    report = json.loads(output.stdout)
    assert report["summary"]["passed"] > 0 and not report["summary"]["parsing_errors"], report["summary"]
    failed = {}
    for check in report["results"]["failed_checks"]:
        place = f"{check['check_name']}: {check['resource']} ({check['file_path']})"
        failed.setdefault(check["check_id"], []).append(place)
    return failed


def main():
    checkov, helm = sys.argv[1:]
    complaints = 0
    for chart in sorted(pathlib.Path("charts").glob("*/")):
        with tempfile.TemporaryDirectory() as directory:
            rendered(helm, chart, pathlib.Path(directory))
            failed, reasons = findings(checkov, directory), explained(chart)
        for check in sorted(failed.keys() - reasons.keys()):
            complaints += 1
            print(f"{chart}: {check} is not explained:", *failed[check], sep="\n  ")
        for check in sorted(reasons.keys() - failed.keys()):
            complaints += 1
            print(f"{chart}: {check} is explained, but not found")
        print(f"{chart}: {len(failed)} checks fail, {len(failed.keys() & reasons.keys())} of them for a reason")
    sys.exit(complaints > 0)


main()
