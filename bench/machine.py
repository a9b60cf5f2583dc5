"""What it was measured on."""
import os
import platform


def _first(path, prefix, default="?"):
    """What follows the prefix and a colon in the first line of the file that begins with it."""
    try:
        with open(path, encoding="utf-8") as file:
            return next(line.partition(":")[2].strip() for line in file if line.startswith(prefix))
    except (OSError, StopIteration):
        return default


def _debian():
    try:
        with open("/etc/debian_version", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return "?"


def describe():
    """(what, its value), as it is now."""
    memory_kib = int(_first("/proc/meminfo", "MemTotal", "0 kB").split()[0])
    return [
        ("processor", f"{_first('/proc/cpuinfo', 'model name')}, {os.cpu_count()} cores, "
                      "shared with the load generator"),
        ("memory", f"{memory_kib / 1048576:.1f} GiB"),
        ("system", f"Debian {_debian()}, Linux {platform.release()}"),
        ("load average at the start", "{:.2f}, {:.2f}, {:.2f}".format(*os.getloadavg())),
    ]
