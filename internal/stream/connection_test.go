package stream

import "testing"

// What a reader was sent is not kept by its connection.
func TestConnection_KeepsNoFrames(t *testing.T) {
	c := &connection{}
	for _, n := range []int{2, maxRingFrames} {
		sent := make([][]byte, n)
		for i := range sent {
			sent[i] = []byte("frame")
		}
		c.keep(sent)
		for _, b := range sent {
			if b != nil {
				t.Fatalf("a list of %d still holds a frame", n)
			}
		}
		if cap(c.buffers) > n || n == maxRingFrames && c.buffers != nil {
			t.Errorf("%d places are kept after %d frames", cap(c.buffers), n)
		}
	}
}
