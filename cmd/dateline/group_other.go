//go:build !linux

package main

import "syscall"

func newGroup() *syscall.SysProcAttr { return nil }
