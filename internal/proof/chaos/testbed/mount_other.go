//go:build unix && !linux

package testbed

import "errors"

func mount(string, string) error { return errors.New("only Linux has small disks in memory") }

func unmount(string) error { return nil }
