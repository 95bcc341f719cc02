"""A minimal Debian to try the package in: made once by debootstrap from this machine's own package sources and kept in
the tests' work folder; each try writes to a layer of its own above it."""

import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]
WORK = pathlib.Path(os.environ.get("CLOISTER_TEST_DIR", "/var/tmp/cloister-tests")) / "package"
# What the package depends on, with systemd's helpers instead of systemd, and the database that it recommends.
INCLUDED = ("ca-certificates", "tzdata", "systemd-standalone-sysusers", "systemd-standalone-tmpfiles", "postgresql",
            "libcurl4", "libevent-core-2.1-7", "libevent-extra-2.1-7", "libical3", "libinih1", "libjansson4", "libnng1", "libpq5",
            "libprotobuf-c1", "libpsl5", "libseccomp2", "libsodium23", "libsqlite3-0", "libssl3", "libsystemd0", "libunistring2")
NAMESPACES = ("unshare", "--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child=KILL", "--mount-proc")
# The new root is pivoted to, not chrooted: in a chroot nobody may make the user namespaces that are Cloister's walls.
ENTER = """set -e
ip link set lo up
mount -t overlay overlay -o "lowerdir=$LOWER,upperdir=$UPPER,workdir=$WORKDIR" "$MOUNT"
for name in null zero full random urandom tty; do
    [ -e "$MOUNT/dev/$name" ] || : >"$MOUNT/dev/$name"
    mount --bind "/dev/$name" "$MOUNT/dev/$name"
done
mount -t tmpfs -o mode=1777 tmpfs "$MOUNT/dev/shm"
mount --bind "$SHARED" "$MOUNT/mnt"
cd "$MOUNT"
mkdir -p .old
pivot_root . .old
mount -t proc proc /proc
umount -l /.old
cd /
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive sh -c "$SCRIPT"
"""


def main_archive():
    """(address, suite) of Debian itself, as apt knows it."""
    told = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)", "Created-By: Packages"],
                          stdout=subprocess.PIPE, check=True, text=True).stdout
    rows = [row.split() for row in told.splitlines()]
    return next((address, suite) for address, suite, part in rows if part == "main" and "-" not in suite)


def base():
    """The folder of the minimal system; None and a reason where it cannot be made."""
    name = hashlib.sha256(" ".join(sorted(INCLUDED)).encode()).hexdigest()[:12]
    ready = WORK / f"root-{name}"
    if ready.exists():
        return ready, None
    if shutil.which("debootstrap") is None:
        return None, "debootstrap is missing"
    WORK.mkdir(parents=True, exist_ok=True)
    address, suite = main_archive()
    making = pathlib.Path(tempfile.mkdtemp(prefix="root-making.", dir=WORK))
    os.chmod(making, 0o755)
    done = subprocess.run(["debootstrap", "--variant=minbase", "--include=" + ",".join(INCLUDED), suite, making, address],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, timeout=1500)
    if done.returncode != 0:
        shutil.rmtree(making, ignore_errors=True)
        return None, "debootstrap failed: " + " / ".join(done.stdout.splitlines()[-2:])
    shutil.rmtree(making / "var/cache/apt/archives", ignore_errors=True)
    making.rename(ready)
    return ready, None


class Root:
    """One try: a layer over the minimal system, and a folder of the outside that is its /mnt."""

    def __init__(self, lower, shared):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="try.", dir=WORK))
        os.chmod(self.dir, 0o755)
        for name in ("upper", "work", "mount"):
            (self.dir / name).mkdir(mode=0o755)
        self.env = {"PATH": os.environ["PATH"], "LOWER": str(lower), "UPPER": str(self.dir / "upper"), "SHARED": str(shared),
                    "WORKDIR": str(self.dir / "work"), "MOUNT": str(self.dir / "mount")}

    def run(self, script, timeout=60):
        """Runs a shell script in there, in namespaces of its own; whatever it leaves running ends with it."""
        return subprocess.run([*NAMESPACES, "sh", "-c", ENTER], env={**self.env, "SCRIPT": script}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout)

    def close(self):
        shutil.rmtree(self.dir, ignore_errors=True)
