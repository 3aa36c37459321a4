// Package memory returns memory to the system when a busy time is over, so that a
// node which served a storm of readers becomes as small as it was before.
//
// Goroutines: ReleaseWhenIdle runs on its caller's and ends with its context.
package memory

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// checkInterval is how often the node checks whether it is idle.
	checkInterval = 5 * time.Second
	// idleAllocation is how many bytes an idle node may allocate in an interval:
	// for its polls, heartbeats, metrics and a reader now and then.
	idleAllocation = 4 << 20
	// minAllocation is how many bytes must have been allocated since the last
	// release to make two collections worth their cost.
	minAllocation = 32 << 20
	// minDeparted is how many readers must have left since the last release, and not
	// be back at the next check, to make a release worth it as well: what they held
	// is garbage, and nothing more may be allocated for hours.
	minDeparted = 1000
)

// idleDetector finds the moments at which a node that was busy becomes idle.
type idleDetector struct {
	allocated uint64 // bytes until the last check
	released  uint64 // and until the last release
	most      int    // streams at any check since the last release
	last      int    // streams at the last check
}

// observe takes the bytes that the program has allocated since its start and the
// number of open streams, and reports whether memory should be released now.
func (d *idleDetector) observe(allocated uint64, streams int) bool {
	lately, departed := allocated-d.allocated, d.most-max(d.last, streams)
	d.allocated, d.last, d.most = allocated, streams, max(d.most, streams)
	if lately > idleAllocation || allocated-d.released < minAllocation && departed < minDeparted {
		return false
	}
	d.released, d.most = allocated, streams
	return true
}

// ReleaseWhenIdle releases memory each time that the node becomes idle after a
// busy time, until ctx ends. By itself, the runtime would collect two minutes
// later and keep most of the memory. streams is the number of open streams.
func ReleaseWhenIdle(ctx context.Context, streams func() int) {
	tick := time.NewTicker(checkInterval)
	defer tick.Stop()
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	var d idleDetector
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		metrics.Read(sample)
		if d.observe(sample[0].Value.Uint64(), streams()) {
			release()
		}
	}
}

// release frees all unused memory. What is in a sync.Pool, such as the buffers of
// finished requests, survives the first collection.
func release() {
	runtime.GC()
	debug.FreeOSMemory()
}
