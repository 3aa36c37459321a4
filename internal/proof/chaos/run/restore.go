//go:build unix

package run

import (
	"context"
	"path/filepath"
	"time"

	"dateline/internal/proof/chaos/history"
	"dateline/internal/wait"
)

// restored puts an older dump back under running nodes, and goes on: what was
// acknowledged since is gone, new events take the same numbers, and every reader
// must be told.
func restored() act {
	return act{name: "restored", play: func(ctx context.Context, r *run, s *stage) error {
		wait.For(ctx, 2*time.Second)
		r.say("dump, 3 s of posts, restore")
		fault := history.Fault{
			Kind: "F34", Name: "older dump restored, then new posts take its numbers", Began: time.Now().UnixNano(),
			Allows: history.Allows{Reset: []string{"epoch", "chain", "ahead"}, Lost: true, Down: true, Views: true, Stale: true, Unnoticed: onlyNumbers},
		}
		err := s.restore(ctx)
		fault.Ended = time.Now().UnixNano()
		fault.Recovered = s.recovered(ctx, fault.Ended)
		s.record(fault)
		wait.For(ctx, 5*time.Second)
		return err
	}}
}

// restore dumps the database, lets publishers go on, and puts the dump in the
// place of the database.
func (s *stage) restore(ctx context.Context) error {
	lift, cancel := lifting(ctx)
	defer cancel()
	file := filepath.Join(s.dir, "old.dump")
	if err := s.bed.Dump(lift, file); err != nil {
		return err
	}
	wait.For(ctx, 3*time.Second)
	return s.bed.Restore(lift, file)
}
