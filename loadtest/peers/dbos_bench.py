"""Plans of ten trivial steps on DBOS, measured as `loadtest work` measures ours.

serve  URL             answers each line `plans AT_ONCE SECONDS` with one line of figures
victim URL SINK PLANS  starts plans, tells how many steps are done, and waits to be killed
heir   URL SINK PLANS  carries on with what it finds, and tells when all of it is over
"""

import json
import os
import sys
import threading
import time

from dbos import DBOS

STEPS = 10
WARM_UP_S = 1.0
TELL_EVERY = 20
WITHIN_S = 100
UNFINISHED = ["PENDING", "ENQUEUED"]

gate = threading.Event()
counting = threading.Lock()
done = 0
sink = None
tell_every = 0
closed_at_us = 0


def wall_us():
    return time.time_ns() // 1000


@DBOS.step()
def trivial(number):
    return None


@DBOS.workflow()
def plan():
    for number in range(STEPS):
        trivial(number)


@DBOS.step()
def effect(number):
    global done
    gate.wait()
    os.write(sink, f"{DBOS.workflow_id}/s{number} {wall_us()}\n".encode())
    with counting:
        done += 1
        if tell_every and done % tell_every == 0:
            print(done, flush=True)


@DBOS.workflow()
def plan_with_effects():
    global closed_at_us
    for number in range(STEPS):
        effect(number)
    with counting:
        closed_at_us = max(closed_at_us, wall_us())


def launch(url):
    DBOS(
        config={
            "name": "bench",
            "system_database_url": url,
            "log_level": "ERROR",
            "application_version": "bench",
            "executor_id": "bench",
        }
    )
    DBOS.launch()


def resident_mib():
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def measure(at_once, seconds):
    """Callers that never rest, each on a thread of its own."""
    over = threading.Event()
    plans = [0] * at_once

    def drive(caller):
        while not over.is_set():
            plan()
            plans[caller] += 1

    threads = [threading.Thread(target=drive, args=(caller,)) for caller in range(at_once)]
    for thread in threads:
        thread.start()
    time.sleep(WARM_UP_S)
    before, began = sum(plans), time.monotonic()
    time.sleep(seconds)
    after, took = sum(plans), time.monotonic() - began
    rss = resident_mib()
    over.set()
    for thread in threads:
        thread.join()
    return {"steps_per_s": (after - before) * STEPS / took, "rss_mib": rss}


def serve(url):
    launch(url)
    print("ready", flush=True)
    for line in sys.stdin:
        _, at_once, seconds = line.split()
        print(json.dumps(measure(int(at_once), float(seconds))), flush=True)


def open_sink(path):
    global sink
    sink = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o644)


def victim(url, path, plans):
    global tell_every
    open_sink(path)
    tell_every = TELL_EVERY
    launch(url)
    for _ in range(int(plans)):
        DBOS.start_workflow(plan_with_effects)
    gate.set()
    time.sleep(WITHIN_S)


def heir(url, path, plans):
    open_sink(path)
    gate.set()
    launch(url)
    ready_at_us = wall_us()
    until = time.monotonic() + WITHIN_S
    pending = None
    while time.monotonic() < until:
        pending = DBOS.list_workflows(status=UNFINISHED, load_input=False, load_output=False)
        if not pending:
            break
        time.sleep(0.1)
    everything = DBOS.list_workflows(load_input=False, load_output=False)
    recorded = sum(len(DBOS.list_workflow_steps(one.workflow_id)) for one in everything)
    figures = {
        "ready_at_us": ready_at_us,
        "closed_at_us": closed_at_us,
        "open": len(pending),
        "unrecorded": abs(int(plans) * STEPS - recorded),
    }
    print(json.dumps(figures), flush=True)
    os._exit(0)


if __name__ == "__main__":
    what = {"serve": serve, "victim": victim, "heir": heir}
    what[sys.argv[1]](*sys.argv[2:])
