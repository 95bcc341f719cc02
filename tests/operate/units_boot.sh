#!/bin/bash
# units_boot.sh ROOT UNITS: becomes systemd on an overlay of this machine, in namespaces of its own (the caller's doing). What
# a system's start would do to the kernel itself (sysctl, modules, devices) is masked, and /proc/sys is read-only: nothing
# outside changes. ROOT is a folder to mount on, UNITS holds units that are added, where packages have theirs.
set -eu
root=$1 units=$2
mount --make-rprivate /
mount -t tmpfs -o mode=0755 none "$root"
mkdir "$root/changes" "$root/work" "$root/system"
r=$root/system
mount -t overlay -o "lowerdir=/,upperdir=$root/changes,workdir=$root/work" none "$r"
mount -t proc none "$r/proc"
for part in sys sysrq-trigger; do
    [ -e "$r/proc/$part" ] || continue
    mount --bind "$r/proc/$part" "$r/proc/$part"
    mount -o remount,bind,ro "$r/proc/$part"
done
mount --rbind -o ro /sys "$r/sys"
umount -R "$r/sys/fs/cgroup" 2>/dev/null || true
mount -t cgroup2 none "$r/sys/fs/cgroup"
mount -t tmpfs -o mode=0755 none "$r/run"
mount -t tmpfs -o mode=1777 none "$r/tmp"
mount -t tmpfs -o mode=0755 none "$r/dev"
mkdir "$r/dev/pts" "$r/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 none "$r/dev/pts"
mount -t tmpfs -o mode=1777 none "$r/dev/shm"
for node in null zero full random urandom tty; do
    touch "$r/dev/$node"
    mount --bind "/dev/$node" "$r/dev/$node"
done
ln -s /proc/self/fd "$r/dev/fd"
ln -s pts/ptmx "$r/dev/ptmx"
rm -rf "$r/etc/systemd/system" "$r/var/log/journal"
mkdir -p "$r/etc/systemd/system"
for unit in systemd-sysctl systemd-modules-load systemd-udevd systemd-udev-trigger systemd-binfmt systemd-random-seed \
    systemd-hwdb-update systemd-timesyncd systemd-logind kmod-static-nodes systemd-networkd systemd-resolved \
    systemd-firstboot systemd-machine-id-commit systemd-update-utmp systemd-remount-fs systemd-pstore; do
    ln -s /dev/null "$r/etc/systemd/system/$unit.service"
done
for unit in sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount sys-fs-fuse-connections.mount \
    dev-hugepages.mount dev-mqueue.mount proc-sys-fs-binfmt_misc.automount modprobe@.service; do
    ln -s /dev/null "$r/etc/systemd/system/$unit"
done
cp -r "$units/." "$r/usr/lib/systemd/system/"
printf '%032x\n' 1 >"$r/etc/machine-id"
mkdir "$r/old-root"
cd "$r"
pivot_root . old-root
umount -l /old-root
# In a container systemd leaves this to whoever made it; credentials reach units by it.
mount --make-rshared /
rmdir /old-root
exec env -i container=cloister-units PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --unit=units-test.target --show-status=no --log-target=journal
