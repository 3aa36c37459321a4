package bench

import (
	"bufio"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"dateline/internal/bench/floor"
	"dateline/internal/bench/scan"
)

// system is a server under load.
type system struct {
	name string
	publisher
	nodes []target
	path  string // of the stream
	pids  []int

	metrics []string // pages
}

// bare is the floor as its publisher sees it.
type bare struct {
	child   *child
	address string
	frame   int // bytes of a message

	mu    sync.Mutex
	count int64
}

// startFloor starts the floor's process. Its messages are as large as frame says.
func startFloor(ctx context.Context, command []string, frame int) (*bare, error) {
	c, err := startChild(ctx, command, RoleFloor)
	if err != nil {
		return nil, err
	}
	address, err := bufio.NewReader(c.out).ReadString('\n')
	if err != nil {
		c.close()
		return nil, fmt.Errorf("floor: %w", err)
	}
	return &bare{child: c, address: strings.TrimSpace(address), frame: frame}, nil
}

func (b *bare) system() *system {
	return &system{
		name: nameFloor, publisher: b, path: "/", pids: []int{b.child.cmd.Process.Pid},
		nodes: []target{{b.address, b.address}},
	}
}

func (b *bare) lanes() int { return 1 }

func (b *bare) head(context.Context) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.count, nil
}

// publish hands the floor a message. Nothing is stored: it counts as committed at once.
func (b *bare) publish(context.Context) (answer, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	sent := now()
	text := floor.Chunk(floorFrame(b.count+1, sent, b.frame))
	if _, err := fmt.Fprintf(b.child.in, "%d\n%s", len(text), text); err != nil {
		return answer{}, fmt.Errorf("floor: %w", err)
	}
	b.count++
	return answer{sent, now()}, nil
}

// floorFrame is an event of size bytes, or the least that holds what it must.
func floorFrame(id, stamp int64, size int) []byte {
	head := fmt.Sprintf("event: post\nid: %d\ndata: {\"title\":\"%s%d\",\"html\":\"", id, scan.Marker, stamp)
	const tail = "\"}\n\n"
	return []byte(head + strings.Repeat("x", max(0, size-len(head)-len(tail))) + tail)
}

// inChunk makes a chunk of a piece (RFC 9112, section 7.1), as servers send it.
// kernel is the release of this machine's kernel.
func kernel() string {
	var name unix.Utsname
	if unix.Uname(&name) != nil {
		return ""
	}
	return unix.ByteSliceToString(name.Release[:])
}

// rest waits until the memory of processes has come to rest, at most as long as
// limit, and returns it, in bytes.
func rest(ctx context.Context, pids []int, limit time.Duration) (int64, error) {
	const still, share = 12, 500 // looks in a row, within a part of so many: a node gives memory back within ten seconds
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	least, calm, end := int64(0), 0, time.Now().Add(limit)
	for {
		size, err := sumOver(pids, memoryOf)
		if err != nil || time.Now().After(end) {
			return size, err
		}
		if moved := size - least; moved > size/share || -moved > size/share {
			least, calm = size, 0
		} else if calm++; calm == still {
			return size, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}
