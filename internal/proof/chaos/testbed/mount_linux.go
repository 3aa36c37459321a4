package testbed

import "syscall"

// mount needs root.
func mount(dir, options string) error { return syscall.Mount("tmpfs", dir, "tmpfs", 0, options) }

// unmount works for a disk that is still in use, too.
func unmount(dir string) error { return syscall.Unmount(dir, syscall.MNT_DETACH) }
