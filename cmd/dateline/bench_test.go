//go:build linux

package main

import (
	"strings"
	"testing"
)

func TestBench_Refuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ args, want string }{
		{"bench --url=http://192.0.2.1:80 --token=s3cret", "--allow-remote"},
		{"bench --url=http://127.0.0.1:1", "DATELINE_TOKEN"},
		{"bench --self --url=http://127.0.0.1:1", "leave out"},
		{"bench --slow=many", "200@100"},
		{"bench --token=s3cret --url=http://127.0.0.1:1 -- --compress", "need --self"},
		{"bench --self --nodes=100", "1 to 8"},
		{"bench --token=s3cret --readers=1000000 --url=http://127.0.0.1:1", "--readers"},
	} {
		_, err := do(t, "", strings.Fields(test.args)...)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, want %q", test.args, err, test.want)
		}
	}
}

// Nodes that share the readers each have files for their share of them.
func TestBench_StreamsOfEachNode(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ readers, nodes, files int }{{18_000, 1, 20_000}, {96_000, 6, 20_000}, {100_000, 6, 20_000}} {
		room, err := divideFiles(tt.files, streamsOfEach(tt.readers, tt.nodes))
		if err != nil || room.streams*tt.nodes < tt.readers {
			t.Errorf("%d readers of %d nodes: %d streams each, %v", tt.readers, tt.nodes, room.streams, err)
		}
	}
}
