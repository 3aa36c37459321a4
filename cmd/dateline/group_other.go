//go:build !unix

package main

import "syscall"

func newGroup() *syscall.SysProcAttr { return nil }
