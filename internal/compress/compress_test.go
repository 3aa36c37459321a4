package compress

import (
	"net/http"
	"testing"
)

func TestAccepts_FollowsTheHeader(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]bool{
		"": false, "gzip": true, "br, gzip": true, "GZIP": true, "gzip;q=0": false, "gzip; q=0.0": false, "gzip;q=0.001": true,
		"br;q=1, gzip;q=0.5, *;q=0": true, "identity": false, "*": false, "x-gzip": false, "gzipped": false,
	} {
		r := &http.Request{Header: http.Header{"Accept-Encoding": {"br", header}}}
		if got := Accepts(r); got != want {
			t.Errorf("%q: %t, want %t", header, got, want)
		}
	}
}
