#!/usr/bin/env python3
"""Time and memory that readers of TensorBoard logs need to load 2,000,000 points.

    pip install numpy tensorboard-data-server
    cargo build --release && python3 tests/peers/logs.py [--nntop PATH] [--times 5] [--runs 20 --tags 10 --steps 10000]

This script writes the logs, record for record as torch.utils.tensorboard does. The readers take turns, so that other
load of the machine affects all of them equally; the medians are printed. All keep every point:

- nntop: `nntop watch DIR --json`, which reads everything, verifies both checksums of every record, prints a summary of
  every metric and ends. The whole process is timed.
- TensorBoard's data server (Rust) with `--samples-per-plugin scalars=all`: from the start of the process to the line
  "Finished load cycle". It does not verify the checksums of the data by default.
"""
import argparse, glob, json, os, resource, statistics, struct, subprocess, sys, tempfile, time
import numpy as np

T0 = 1795161600.0
TABLE = np.zeros(256, np.uint32)
for _i in range(256):
    _c = _i
    for _ in range(8):
        _c = (_c >> 1) ^ (0x82F63B78 if _c & 1 else 0)
    TABLE[_i] = _c


def checksums(rows):
    """The masked CRC-32C of every row."""
    crc = np.full(len(rows), 0xFFFFFFFF, np.uint32)
    for column in range(rows.shape[1]):
        crc = TABLE[(crc ^ rows[:, column]) & 0xFF] ^ (crc >> np.uint32(8))
    crc ^= np.uint32(0xFFFFFFFF)
    return ((crc >> np.uint32(15)) | (crc << np.uint32(17))) + np.uint32(0xA282EAD8)


def records(payloads):
    count, length = payloads.shape
    out = np.empty((count, length + 16), np.uint8)
    head = np.frombuffer(struct.pack("<Q", length), np.uint8)
    out[:, :8] = head
    out[:, 8:12] = np.frombuffer(struct.pack("<I", int(checksums(head[None])[0])), np.uint8)
    out[:, 12 : 12 + length] = payloads
    out[:, 12 + length :] = checksums(payloads).astype("<u4").view(np.uint8).reshape(count, 4)
    return out


def sized(number, payload):
    assert len(payload) < 128
    return bytes([number << 3 | 2, len(payload)]) + payload


def scalars(tag, step, wall, value):
    """A record for every step, as bytes of equal length; steps are from 16384 to 2097151."""
    step = np.asarray(step, np.uint64)
    body = sized(5, sized(1, sized(1, tag.encode()) + b"\x15\0\0\0\0"))
    payload = np.empty((len(step), 9 + 4 + len(body)), np.uint8)
    payload[:, 0] = 0x09
    payload[:, 1:9] = np.asarray(wall).astype("<f8").view(np.uint8).reshape(-1, 8)
    payload[:, 9] = 0x10
    for byte in range(3):
        low = (step >> np.uint64(7 * byte)) & np.uint64(127)
        payload[:, 10 + byte] = low.astype(np.uint8) | (0x80 if byte < 2 else 0)
    payload[:, 13:] = np.frombuffer(body, np.uint8)
    payload[:, -4:] = np.asarray(value).astype("<f4").view(np.uint8).reshape(-1, 4)
    return records(payload)


def write(directory, runs, tags, steps):
    """One event per scalar, tag by tag in turn. Steps begin at 16384, so that all have one length."""
    for run in range(runs):
        rng = np.random.default_rng(run)
        rows = []
        for tag in range(tags):
            wall = T0 + 0.05 * (np.arange(steps) * tags + tag)
            value = 2.3 / np.sqrt(1 + np.arange(steps) / 50) + 0.1 * rng.standard_normal(steps)
            rows.append(scalars(f"group{tag % 3}/metric{tag}", np.arange(16384, 16384 + steps), wall, value))
        folder = os.path.join(directory, f"run{run:03}")
        os.makedirs(folder)
        with open(os.path.join(folder, f"events.out.tfevents.{int(T0)}.host.1.0"), "wb") as file:
            version = np.frombuffer(b"\x09" + struct.pack("<d", T0) + sized(3, b"brain.Event:2"), np.uint8)
            file.write(records(version[None]).tobytes())
            longest = max(row.shape[1] for row in rows)
            if all(row.shape[1] == longest for row in rows):
                file.write(np.stack(rows, 1).tobytes())
            else:
                for step in range(steps):
                    file.write(b"".join(row[step].tobytes() for row in rows))


def measured(process, until=None):
    """Seconds until the process ends, or prints a line with `until` in it; its peak memory in MiB."""
    start = time.perf_counter()
    running = subprocess.Popen(process, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    lines = 0
    for line in running.stdout:
        lines += 1
        if until and until.encode() in line:
            break
    seconds = time.perf_counter() - start
    if until:
        with open(f"/proc/{running.pid}/status") as status:
            peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
        running.kill()
        running.wait()
    else:
        _, status, usage = os.wait4(running.pid, 0)
        seconds = time.perf_counter() - start
        assert status == 0, f"{process} failed"
        peak = usage.ru_maxrss
    return seconds, peak / 1024, lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nntop", default=os.path.join(os.path.dirname(__file__), "../../target/release/nntop"))
    for name, default in [("times", 5), ("runs", 20), ("tags", 10), ("steps", 10000)]:
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    readers = {"nntop": ([args.nntop, "watch", None, "--json"], None)}
    try:
        import tensorboard_data_server

        server = tensorboard_data_server.server_binary()
        flags = ["--logdir", None, "--port", "0", "--verbose", "--samples-per-plugin", "scalars=all"]
        readers["data server"] = ([server, *flags], "Finished load cycle")
    except ImportError:
        print("tensorboard-data-server is not installed: left out", file=sys.stderr)
    with tempfile.TemporaryDirectory() as directory:
        write(directory, args.runs, args.tags, args.steps)
        size = sum(os.path.getsize(path) for path in glob.glob(directory + "/*/*"))
        print(f"{args.runs * args.tags * args.steps} points, {size / 1e6:.0f} MB, {os.cpu_count()} processors")
        taken = {name: [] for name in readers}
        for _ in range(args.times):
            for name, (command, until) in readers.items():
                command = [directory if part is None else part for part in command]
                taken[name].append(measured(command, until))
        for name, results in taken.items():
            seconds = statistics.median(result[0] for result in results)
            fastest = min(result[0] for result in results)
            peak = max(result[1] for result in results)
            print(f"{name:12} {seconds:.2f} s (fastest {fastest:.2f} s), at most {peak:.0f} MiB")


if __name__ == "__main__":
    main()
