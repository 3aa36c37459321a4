package bench

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// cpuOf is the CPU time that a process has used, in user and kernel, in ns.
func cpuOf(pid int) (int64, error) {
	const schedClock = 2 // CPUCLOCK_SCHED of linux/posix-timers.h: exact, where /proc counts in steps of 10 ms
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|schedClock), &ts); err != nil {
		return 0, fmt.Errorf("CPU time of process %d: %w", pid, err)
	}
	return ts.Nano(), nil
}

// memoryOf is the resident memory of a process, in bytes.
func memoryOf(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, fmt.Errorf("memory of process %d: %w", pid, err)
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0, fmt.Errorf("memory of process %d: %q", pid, text)
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// sumOver adds a figure of several processes.
func sumOver(pids []int, of func(pid int) (int64, error)) (sum int64, err error) {
	for _, pid := range pids {
		n, err := of(pid)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// overflows is how often this machine's accept queues were full, since it started.
func overflows() int64 {
	text, err := os.ReadFile("/proc/net/netstat")
	if err != nil {
		return 0
	}
	lines := strings.Split(string(text), "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		names, values := strings.Fields(lines[i]), strings.Fields(lines[i+1])
		for n, name := range names {
			if name == "ListenOverflows" && n < len(values) {
				count, _ := strconv.ParseInt(values[n], 10, 64) // the kernel writes numbers
				return count
			}
		}
	}
	return 0
}
