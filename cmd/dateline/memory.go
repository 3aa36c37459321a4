package main

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// restInterval is how often the node looks whether it has come to rest.
	restInterval = 5 * time.Second
	// restful is what a node at rest may allocate in an interval, in bytes: its
	// polls, heartbeats and metrics, and a reader now and then.
	restful = 4 << 20
	// worthwhile is how many bytes were allocated since memory was given back, for
	// it to be worth two collections.
	worthwhile = 32 << 20
	// departed is how many readers must have left since then, and not be back a look
	// later, for the same: what they held is garbage now, and nothing more may be
	// allocated for hours.
	departed = 1000
)

// rests finds the moments when a node that was busy has come to rest.
type rests struct {
	seen  uint64 // bytes allocated until the last look
	given uint64 // and until memory was given back
	most  int    // streams at a look since then
	last  int    // streams at the last look
}

// begun reports whether memory should be given back, by the bytes that the
// program has allocated in its life until now, and the streams that are open.
func (r *rests) begun(allocated uint64, streams int) bool {
	lately, gone := allocated-r.seen, r.most-max(r.last, streams)
	r.seen, r.last, r.most = allocated, streams, max(r.most, streams)
	if lately > restful || allocated-r.given < worthwhile && gone < departed {
		return false
	}
	r.given, r.most = allocated, streams
	return true
}

// giveBackMemory returns to the system what a busy time has left as garbage, once
// it is over: a node that served a storm of readers is as small as before. The
// runtime would collect two minutes later, and keep most of it. streams tells how
// many are open.
func giveBackMemory(ctx context.Context, streams func() int) {
	tick := time.NewTicker(restInterval)
	defer tick.Stop()
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	var r rests
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		metrics.Read(sample)
		if r.begun(sample[0].Value.Uint64(), streams()) {
			collect()
		}
	}
}

// collect frees all that is not used. What waits in a sync.Pool, such as the
// buffers of finished requests, outlives the first collection.
func collect() {
	runtime.GC()
	debug.FreeOSMemory()
}
