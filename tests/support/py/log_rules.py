"""What must hold for every log, whatever happened to those who wrote it."""
from node import FINAL


def broken_rules(log):
    """Of `log_of` the commits that break one: a stale owner's, and those that go on with a run that has ended, or end it again."""
    found = []
    epochs = {}
    ended = set()
    for seq, session, events in log:
        for event in events:
            if event["epoch"] < epochs.get(session, 0):
                found.append(f"commit {seq} is of epoch {event['epoch']}, after one of {epochs[session]}")
            epochs[session] = max(event["epoch"], epochs.get(session, 0))
            run = (session, event.get("run"))
            if run in ended and event["kind"] in FINAL | {"slice_started", "checkpoint_stored"}:
                found.append(f"commit {seq}: {event['kind']} of {run}, which has ended")
            if event["kind"] in FINAL:
                ended.add(run)
    return found
