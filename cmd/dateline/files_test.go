package main

import (
	"strings"
	"testing"
)

func TestDivide(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		files, wished        int
		connections, streams int
		refusal              string
	}{
		{files: 65_536, connections: 62_260, streams: 49_808},
		{files: 1024, connections: 960, streams: 768},
		{files: 256, connections: 192, streams: 153},
		{files: 1024, wished: 900, connections: 960, streams: 900},
		{files: 1024, wished: 1000, refusal: "raise the limit"},
		{files: 64, refusal: "allow 1024 or more"},
	} {
		got, err := divideFiles(test.files, test.wished)
		if test.refusal != "" {
			if err == nil || !strings.Contains(err.Error(), test.refusal) {
				t.Errorf("%+v: %v", test, err)
			}
			continue
		}
		if err != nil || got != (fileBudget{test.connections, test.streams}) {
			t.Errorf("%+v: got %+v %v", test, got, err)
		}
	}
}
