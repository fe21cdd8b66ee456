# SPDX-License-Identifier: Apache-2.0
"""Python's multiprocessing.Process: start and join, or the memory of an idle one.

usage: process.py spawn|fork PROCESSES_AT_ONCE|memory BYTES_TOUCHED
Prints microseconds, or MiB.
"""
import mmap
import multiprocessing
import statistics
import sys
import time

ROUNDS_MAX, ROUNDS_MIN, SECONDS_MAX = 31, 3, 3.0


def nothing():
    pass


def touch(size):
    """Takes size bytes of ordinary pages and writes to each."""
    if size == 0:
        return None
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_NOHUGEPAGE)
    block = b"\1" * (64 << 20)
    for _ in range(0, size, len(block)):
        memory.write(block)
    return memory


def start_and_join(context, count):
    begin = time.perf_counter()
    processes = [context.Process(target=nothing) for _ in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return (time.perf_counter() - begin) * 1e6


def median_time(context, count):
    times, begin = [], time.perf_counter()
    start_and_join(context, count)
    while len(times) < ROUNDS_MAX and (len(times) < ROUNDS_MIN or time.perf_counter() - begin < SECONDS_MAX):
        times.append(start_and_join(context, count))
    return statistics.median(times)


def idle_memory(context):
    process = context.Process(target=time.sleep, args=(60,))
    process.start()
    time.sleep(1)
    with open(f"/proc/{process.pid}/smaps_rollup", encoding="ascii") as rollup:
        kib = next(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))
    process.kill()
    process.join()
    return kib / 1024


def main():
    method, work, size = sys.argv[1:]
    context = multiprocessing.get_context(method)
    touched = touch(int(size))
    print(idle_memory(context) if work == "memory" else median_time(context, int(work)))
    del touched


if __name__ == "__main__":
    main()
