package netfault

import (
	"context"
	"net"
	"sync"
	"time"
)

// hang keeps the goroutine that accepts from doing so.
type hang struct {
	turn   sync.Mutex // orders the calls of Hang
	filler net.Conn   // takes the only place of the kernel's queue; guarded by turn

	mu     sync.Mutex
	gate   chan struct{} // closed when connections are accepted again; nil while they are
	parked chan struct{} // closed when the goroutine waits for that
}

// Hang lets new connections wait until it is lifted, as when no packet arrives:
// the kernel does not even shake hands, where its queue can be made that short
// (Linux), and clients try again at its pace, after 1, 3 and 7 seconds. Open
// ones stay.
func (p *Proxy) Hang(on bool) {
	h := &p.hang
	h.turn.Lock()
	defer h.turn.Unlock()
	hangs := h.on()
	switch {
	case on && !hangs:
		parked := h.close()
		_ = p.listener.SetDeadline(time.Now()) // ends a running accept; fails when closed
		select {
		case <-parked:
			h.filler = fillQueue(p.ctx, p.listener)
		case <-p.ctx.Done():
		}
	case !on && hangs:
		_ = p.listener.SetDeadline(time.Time{}) // fails when closed
		openQueue(p.listener)
		p.admitBefore(h.filler)
		h.open()
	}
}

// admitBefore accepts up to the filler, which is forgotten.
func (p *Proxy) admitBefore(filler net.Conn) {
	for filler != nil {
		client, err := p.listener.AcceptTCP()
		if err == nil && client.RemoteAddr().String() != filler.LocalAddr().String() {
			p.admit(client)
			continue
		}
		filler.Close()
		if err == nil {
			reset(client)
		}
		return
	}
}

func (h *hang) on() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.gate != nil
}

func (h *hang) close() (parked <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.gate, h.parked = make(chan struct{}), make(chan struct{})
	return h.parked
}

func (h *hang) open() {
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.gate)
	h.gate = nil
}

// park returns when connections do not hang.
func (h *hang) park(ctx context.Context) {
	h.mu.Lock()
	gate, parked := h.gate, h.parked
	h.mu.Unlock()
	if gate == nil {
		return
	}
	close(parked)
	select {
	case <-gate:
	case <-ctx.Done():
	}
}
