"""What goes into a job and what comes out of it: logs in three formats, result files, and the count of rows."""

import json


def write(log, path):
    if path.suffix == ".parquet":
        log.to_parquet(path, index=False)
        return path
    if log["timestamp"].dtype.kind == "M":
        log = log.assign(timestamp=log["timestamp"].dt.strftime("%Y-%m-%dT%H:%M:%S"))
    if path.suffix == ".csv":
        log.to_csv(path, index=False)
    else:
        log.to_json(path, orient="records", lines=True)
    return path


def results(output):
    """All result files, byte for byte but for when they were made; nothing but records may lie beside them."""
    work = {path.name for path in (output / ".seqrec").iterdir()}
    assert all(name == "lock" or (name.endswith(".json") and not name.startswith(".")) for name in work), work
    found = {path.name: path.read_bytes() for path in output.iterdir() if path.is_file()}
    report = json.loads(found.pop("report.json", "{}"))
    return found | {"report": {name: value for name, value in report.items() if name not in ("run", "sha256")}}


def assert_conserved(report):
    assert report["rows"] == report["scored"] + report["quarantined"] + report["filtered"]
    assert report["quarantined"] == sum(report["quarantined_by_code"].values())
    assert report["filtered"] == sum(report["filtered_by_reason"].values())
