package conformance

import "io"

// Pieces is a stream as a network brings it: as much at a time as the cuts say,
// and what is left when there are no more of them.
type Pieces struct {
	Rest []byte
	Cuts []byte
}

// Read implements io.Reader.
func (p *Pieces) Read(b []byte) (int, error) {
	if len(p.Rest) == 0 {
		return 0, io.EOF
	}
	n := len(p.Rest)
	if len(p.Cuts) > 0 {
		n, p.Cuts = min(int(p.Cuts[0])+1, n), p.Cuts[1:]
	}
	n = copy(b, p.Rest[:n])
	p.Rest = p.Rest[n:]
	return n, nil
}
