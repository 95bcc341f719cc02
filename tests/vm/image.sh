# The machine's disks. Sourced by tests/vm/run, after deploy/lib/common.sh.

# vm_guest_packages: of the list, one line with commas.
vm_guest_packages() { grep -v '^#' "$top/deploy/packages/vm-guest.txt" | paste -sd,; }

# vm_archive: "address suite" of Debian itself, as this machine's apt knows it.
vm_archive() {
    apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' |
        awk '$3 == "main" && $2 !~ /-/ { print $1, $2; exit }'
}

# vm_dress ROOT: what makes the bare system a machine for these checks.
vm_dress() {
    local root=$1
    echo cloister-vm >"$root/etc/hostname"
    printf '127.0.0.1 localhost cloister-vm\n' >"$root/etc/hosts"
    printf '/dev/vda / ext4 errors=remount-ro 0 1\n' >"$root/etc/fstab"
    : >"$root/etc/machine-id"
    # Nobody has a password here: the checks alone run, as root.
    install -m 0644 "$top/tests/vm/guest/vm-checks.service" "$root/etc/systemd/system/"
    mkdir -p "$root/etc/systemd/system/multi-user.target.wants" "$root/srv/vm" "$root/var/log/journal"
    ln -sf ../vm-checks.service "$root/etc/systemd/system/multi-user.target.wants/"
    rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
}

# vm_disk FOLDER: prints where the machine's disk, kernel and initrd are; makes them once for what they are made from.
vm_disk() {
    local made name address suite making
    name=$(cat "$top/deploy/packages/vm-guest.txt" "$top/tests/vm/image.sh" "$top/tests/vm/guest/vm-checks.service" | sha256sum | cut -c1-12)
    made=$1/disk-$name
    if [ ! -e "$made" ]; then
        read -r address suite < <(vm_archive)
        say "vm: making a machine of Debian $suite (once)"
        making=$(mktemp -d "$1/making.XXXXXX")
        if ! nice debootstrap --variant=minbase --include="$(vm_guest_packages)" "$suite" "$making/root" "$address" >"$making.log" 2>&1; then
            tail -n 5 "$making.log" >&2
            die "the machine could not be made; the log is $making.log"
        fi
        vm_dress "$making/root"
        cp "$making"/root/boot/vmlinuz-* "$making/kernel"
        cp "$making"/root/boot/initrd.img-* "$making/initrd"
        echo "$suite" >"$making/release"
        basename "$making"/root/boot/vmlinuz-* | sed 's/^vmlinuz-//' >"$making/kernel-release"
        mke2fs -q -t ext4 -L cloister-vm -d "$making/root" "$making/root.img" 4G
        rm -rf "$making/root" "$making.log"
        mv "$making" "$made"
    fi
    echo "$made"
}

# vm_load FOLDER DEB PREFIX [CASE...]: FOLDER.img, the disk with what is tried and what tries it.
vm_load() {
    local load=$1 deb=$2 prefix=$3 tree
    shift 3
    mkdir -p "$load/tests" "$load/bin" "$load/deb"
    for tree in main operate vm; do
        cp -r "$top/tests/$tree" "$load/tests/"
    done
    cp "$prefix/libexec/cloister/cloister-world" "$load/bin/"
    cp "$deb" "$load/deb/cloister.deb"
    # The same programs as a newer version.
    dpkg-deb --raw-extract "$deb" "$load/newer"
    sed -i 's/^Version: .*/&+newer/' "$load/newer/DEBIAN/control"
    dpkg-deb --root-owner-group --build "$load/newer" "$load/deb/newer.deb" >/dev/null
    rm -rf "$load/newer"
    [ $# -eq 0 ] || printf '%s\n' "$@" >"$load/cases"
    mke2fs -q -t ext4 -L cloister-load -d "$load" "$load.img" 256M
}
