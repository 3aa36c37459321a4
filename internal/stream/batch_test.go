package stream

import "testing"

// A connection keeps none of the frames that it has written.
func TestWriteBatch_KeepsNoFrames(t *testing.T) {
	b := &writeBatch{}
	for _, n := range []int{2, maxRingFrames} {
		sent := make([][]byte, n)
		for i := range sent {
			sent[i] = []byte("frame")
		}
		b.buffers = sent
		b.dropFrames(maxKept)
		for _, buffer := range sent {
			if buffer != nil {
				t.Fatalf("a list of %d still holds a frame", n)
			}
		}
		if cap(b.buffers) > n || n == maxRingFrames && b.buffers != nil {
			t.Errorf("a list of %d is kept after %d frames", cap(b.buffers), n)
		}
	}
}
