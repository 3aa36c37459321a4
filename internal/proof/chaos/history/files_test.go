package history_test

import (
	"os"
	"path/filepath"
	"testing"

	"dateline/internal/proof/chaos/history"
)

func TestLog_ReadsBackWhatWasAdded(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "readers", "r1.jsonl")
	l, err := history.NewLog(path)
	if err != nil {
		t.Fatal(err)
	}
	for seq := range int64(3) {
		l.Add(history.Seen{Kind: history.Post, Seq: seq, Hash: 1<<64 - 1})
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var next int64
	for seen, err := range history.Lines[history.Seen](path) {
		if err != nil || seen.Seq != next || seen.Hash != 1<<64-1 {
			t.Fatalf("line %d: %+v, %v", next, seen, err)
		}
		next++
	}
	if next != 3 {
		t.Errorf("%d lines came back", next)
	}
}

func TestLines_TellOfADamagedFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "damaged.jsonl")
	if err := os.WriteFile(path, []byte("{\"s\":1}\n{\"s\":"), 0o600); err != nil {
		t.Fatal(err)
	}
	var failed error
	for _, err := range history.Lines[history.Seen](path) {
		failed = err
	}
	if failed == nil {
		t.Error("half a line was read without an error")
	}
}
