# SPDX-License-Identifier: Apache-2.0
"""Python's pools doing the work of the pool cases.

usage: pool.py pool-spawn|pool-fork|executor-spawn|executor-fork|loky|joblib WORK
Prints a figure in the unit of the case. Fewer items than the case has where that only shortens the wait: rates are rates.
"""
import concurrent.futures
import multiprocessing
import os
import statistics
import sys
import time

TRIPS, TASKS, NUMBERS, CHUNK = 500, 10_000, 1_000_000, 125_000
COMPUTE_ITEMS, COMPUTE_STEPS = 16, 600_000


def nothing(_=None):
    pass


def square(x):
    return x * x


def echo(payload):
    return bytes(payload)


def pid_after_a_while(_=None):
    time.sleep(0.1)
    return os.getpid()


def compute(steps):
    x = 1
    for _ in range(steps):
        x = x * 1664525 + 1013904223 & 0xFFFFFFFF
    return x


class PoolPeer:
    """multiprocessing.Pool"""

    def __init__(self, method, workers):
        self.pool = multiprocessing.get_context(method).Pool(workers)

    def apply(self, function, argument):
        return self.pool.apply(function, (argument,))

    def many(self, function, arguments):
        return [result.get() for result in [self.pool.apply_async(function, (a,)) for a in arguments]]

    def map(self, function, items, chunk):
        return self.pool.map(function, items, chunk)

    def close(self):
        self.pool.close()
        self.pool.join()


class ExecutorPeer:
    """concurrent.futures.ProcessPoolExecutor, and loky's, which has the same interface"""

    def __init__(self, executor):
        self.pool = executor

    def apply(self, function, argument):
        return self.pool.submit(function, argument).result()

    def many(self, function, arguments):
        return [future.result() for future in [self.pool.submit(function, a) for a in arguments]]

    def map(self, function, items, chunk):
        return list(self.pool.map(function, items, chunksize=chunk))

    def close(self):
        self.pool.shutdown()


class JoblibPeer:
    """joblib.Parallel over its loky workers"""

    def __init__(self, workers):
        import joblib
        self.delayed = joblib.delayed
        self.pool = joblib.Parallel(n_jobs=workers, backend="loky", max_nbytes=None)
        self.pool.__enter__()

    def apply(self, function, argument):
        return self.pool([self.delayed(function)(argument)])[0]

    def many(self, function, arguments):
        return self.pool(self.delayed(function)(a) for a in arguments)

    def map(self, function, items, chunk):
        self.pool.batch_size = chunk
        return self.pool(self.delayed(function)(item) for item in items)

    def close(self):
        self.pool.__exit__(None, None, None)
        from joblib.externals.loky import get_reusable_executor
        get_reusable_executor().shutdown()


def loky_executor(workers):
    try:
        from loky import ProcessPoolExecutor
    except ImportError:
        from joblib.externals.loky.process_executor import ProcessPoolExecutor
    return ProcessPoolExecutor(workers)


def make(kind, workers):
    name, _, method = kind.partition("-")
    if name == "pool":
        return PoolPeer(method, workers)
    if name == "executor":
        context = multiprocessing.get_context(method)
        return ExecutorPeer(concurrent.futures.ProcessPoolExecutor(workers, mp_context=context))
    if name == "loky":
        return ExecutorPeer(loky_executor(workers))
    return JoblibPeer(workers)


def seconds(function, *arguments):
    begin = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - begin


def warm(kind, workers=2):
    peer = make(kind, workers)
    peer.many(pid_after_a_while, range(4 * workers))
    return peer


def life(kind, workers):
    peer = make(kind, workers)
    peer.apply(nothing, None)
    peer.close()


def apply(kind):
    peer = warm(kind)
    yield statistics.median(seconds(peer.apply, nothing, None) for _ in range(TRIPS)) * 1e6
    peer.close()


def many(kind):
    peer = warm(kind)
    yield TASKS / seconds(peer.many, nothing, range(TASKS)) / 1e6
    peer.close()


def map_numbers(kind):
    peer, numbers = warm(kind), list(range(NUMBERS))
    yield statistics.median(seconds(peer.map, square, numbers, CHUNK) for _ in range(3)) * 1e3
    peer.close()


def map_one_by_one(kind):
    peer = warm(kind)
    yield TASKS / seconds(peer.map, square, range(TASKS), 1) / 1e6
    peer.close()


def exchange(kind, size, count):
    peer, payload = warm(kind), bytes(size)
    if count == 1:
        took = statistics.median(seconds(peer.apply, echo, payload) for _ in range(3))
    else:
        took = seconds(peer.many, echo, [payload] * count)
    yield 2 * size * count / 2**30 / took
    peer.close()


def start(kind, workers):
    yield statistics.median(seconds(life, kind, workers) for _ in range(5 if workers < 16 else 3)) * 1e3


def memory(kind):
    peer = warm(kind)
    pids = set(peer.many(pid_after_a_while, range(8)))
    time.sleep(0.5)
    kib = []
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
            kib.append(next(int(line.split()[1]) for line in rollup if line.startswith("Pss:")))
    yield statistics.mean(kib) / 1024
    peer.close()


def speedup(kind):
    one, two = warm(kind, 1), warm(kind, 2)
    ratios = []
    for _ in range(3):
        alone = seconds(one.many, compute, [COMPUTE_STEPS] * COMPUTE_ITEMS)
        ratios.append(alone / seconds(two.many, compute, [COMPUTE_STEPS] * COMPUTE_ITEMS))
    yield statistics.median(ratios)
    one.close()
    two.close()


WORKS = {
    "apply": apply,
    "async": many,
    "map": map_numbers,
    "map1": map_one_by_one,
    "64mib": lambda kind: exchange(kind, 64 << 20, 1),
    "1mib": lambda kind: exchange(kind, 1 << 20, 200),
    "start2": lambda kind: start(kind, 2),
    "start16": lambda kind: start(kind, 16),
    "memory": memory,
    "compute": speedup,
}


def main():
    kind, work = sys.argv[1:]
    try:
        for figure in WORKS[work](kind):
            print(figure, flush=True)
    except ImportError as error:
        print(f"missing: {error}")


if __name__ == "__main__":
    main()
