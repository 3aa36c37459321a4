package stream

import (
	"net"
	"testing"
)

// A connection that can't be handed over is served by its goroutine.
func TestHandOff_LeavesConnectionsWithoutASocket(t *testing.T) {
	t.Parallel()
	log := newMemoryLog()
	log.publish(2)
	h := startHub(t, log, roomy)
	c := followThrough(t, h, Position{HasAfter: true}, coveredListener{openPort(t)})
	for _, want := range []string{"hello", "post", "post"} {
		if got := c.next().name; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for _, loop := range h.loops {
		if n := loop.count.Load(); n != 0 {
			t.Errorf("a loop has %d readers", n)
		}
	}
}

// coveredListener hides the sockets of its connections.
type coveredListener struct{ net.Listener }

func (l coveredListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return struct{ net.Conn }{c}, err
}
