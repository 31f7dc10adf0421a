"""Record the claims of reproductions: python website/record.py [RUNS...]

Every `RUNS/reproductions/NAME/SCALE/claims.json` becomes
`docs/records/NAME.SCALE.json`, with what its runs say of version, commit, date, machine
and cost. Its figures, drawn with `--style paper`, and its tables lie beside it, in
`docs/records/NAME.SCALE/`. The tables of
`docs/findings.md` follow; without RUNS only they are made again.
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from PIL import Image

from overparam.errors import StoreError
from overparam.plots.styles import STYLES
from overparam.store import read_run
from overparam.store.files import read_file, read_sealed
from overparam.store.status import stamp_in
from results import KEPT, RECORDS, with_verdicts


FINDINGS = RECORDS.parent / "findings.md"


def record(runs: Path, records: Path = RECORDS) -> list[Path]:
    """Record all claims of a folder of runs; the files that were written."""
    records.mkdir(exist_ok=True)
    written = []
    for path in sorted(runs.glob("reproductions/*/*/claims.json")):
        try:
            facts, made, beside_it = _answer(path, runs)
        except StoreError as error:
            told = f"{error} Reproduce it again; stored runs are found."
            raise SystemExit(told) from None
        for each in beside_it:
            _check_style(each)
        kept = {name: facts[name] for name in ("title", "source", "study", "scale")}
        content = kept | {"made": made, "claims": facts["claims"]}
        target = records / f"{path.parent.parent.name}.{path.parent.name}.json"
        target.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
        beside = target.with_suffix("")
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir()
        for each in beside_it:
            shutil.copy(each, beside)
        written.append(target)
    return written


def _answer(
    path: Path, runs: Path
) -> tuple[dict[str, Any], dict[str, Any], list[Path]]:
    """The facts of an answer, what its runs say, and the files that are kept of it.

    Raises:
        StoreError: If a file is not the one that the facts are of, as those of an
            answer that was stopped while it was written, or a run is another by now.
    """
    facts = read_sealed(path)
    found = [read_run(runs / each["run"]) for each in facts["runs"]]
    for run, each in zip(found, facts["runs"], strict=True):
        if run.reference != each:
            raise StoreError(f"The run `{run.path}` is not the one of `{path}`.")
    kept = [path.parent / name for name in facts["files"] if Path(name).suffix in KEPT]
    for each in kept:
        read_file(each, expected=stamp_in(path, facts["files"][each.name]))
    return facts, _made(found), kept


def _check_style(file: Path) -> None:
    """Pictures of the documents have their captions below, where a page has them."""
    if file.suffix != ".png":
        return
    with Image.open(file) as image:
        drawn = round(image.info.get("dpi", (0, 0))[0])
    if drawn != STYLES["paper"].dpi:
        raise SystemExit(
            f"`{file}` has {drawn} dots per inch: it is not drawn for paper. Reproduce "
            "it with `--style paper`; stored runs are found again."
        )


def _made(runs: list[Any]) -> dict[str, Any]:
    """What the runs say of themselves."""
    told = [run.environment for run in runs]
    dates = sorted(each["date"][:10] for each in told)
    machines = {_machine(each) for each in told}
    return {
        "runs": len(runs),
        "version": ", ".join(sorted({each["versions"]["overparam"] for each in told})),
        "commit": ", ".join(
            sorted({(each["commit"] or "unknown")[:10] for each in told})
        ),
        "date": dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}",
        "machine": "; ".join(sorted(machines)),
        "seconds": round(sum(run.seconds or 0 for run in runs)),
    }


def _machine(told: dict[str, Any]) -> str:
    system = told["machine"]["system"].partition("-")[0]
    chip = told["machine"]["processor"]
    devices = [device for device in told["devices"] if device != "cpu: cpu"]
    return ", ".join([system, f"{told['cores']} cores", chip, *devices])


if __name__ == "__main__":
    for folder in sys.argv[1:]:
        for path in record(Path(folder)):
            print(path)
    FINDINGS.write_text(with_verdicts(FINDINGS.read_text()))
