//go:build unix

package testbed_test

import (
	"path/filepath"
	"strings"
	"testing"

	"dateline/internal/proof/chaos/testbed"
)

// TestBed_PutBackLooksTheSame puts each kind of copy back: what was published
// since is gone, and PostgreSQL calls itself as before.
func TestBed_PutBackLooksTheSame(t *testing.T) {
	t.Parallel()
	s := start(t, testbed.Config{Nodes: 1, Durable: true})
	kept := []string{}
	for _, how := range []string{testbed.Cold, testbed.Volume, testbed.Hot, testbed.Base} {
		node := s.Nodes()[0]
		s.insist("Kept "+how, "key-kept-0000001-"+how)
		kept = append([]string{"Kept " + how}, kept...)
		dir := filepath.Join(openDir(t), how)
		if how != testbed.Hot { // nodes live through that one
			s.do("stop the node", node.Terminate(s.ctx))
		}
		s.do("copy", s.Copy(s.ctx, how, dir))
		before, err := s.Identity(s.ctx)
		s.do("ask", err)
		s.do("change", s.Exec(s.ctx, "UPDATE posts SET title = 'lost'"))
		s.do("lose", s.Lose())
		s.do("put back", s.PutBack(s.ctx, dir))
		after, err := s.Identity(s.ctx)
		s.do("ask again", err)
		if before != after {
			t.Errorf("%s: it was %s, it is %s", how, before, after)
		}
		if node.PID() == 0 {
			s.do("start", node.Start(s.ctx))
		}
		s.do("await the node", node.WaitReady(s.ctx))
		if got := strings.Join(s.titles(), ", "); got != strings.Join(kept, ", ") {
			t.Errorf("%s: %s", how, got)
		}
	}
}

func TestBed_PutBackMakesAStandbyAnew(t *testing.T) {
	t.Parallel()
	s := start(t, full)
	s.insist("Kept", "key-kept-00000001")
	dir := filepath.Join(openDir(t), "copy")
	s.do("copy", s.Copy(s.ctx, testbed.Base, dir))
	s.insist("Lost", "key-lost-00000001")
	s.do("lose", s.Lose())
	s.do("put back", s.PutBack(s.ctx, dir))
	s.insist("After", "key-after-0000001")
	if got := strings.Join(s.titles(), ", "); got != "After, Kept" {
		t.Error(got)
	}
}
