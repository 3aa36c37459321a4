//go:build unix

package run

import (
	"context"
	"errors"
	"os"
	"time"

	"dateline/internal/proof/chaos/testbed"
	"dateline/internal/wait"
)

// Sizes of the small disks, in KiB.
const (
	logDisk   = 160 << 10
	tableDisk = 256 << 10
)

// fullDisks fills real disks, which takes the right to mount them. Without it
// the mixed act's stand-ins are all there is, and the report says so.
func fullDisks(times int) act {
	kinds := []kind{
		{id: "F22", name: "disk of the tables full", allows: allowsDown, inject: fillTables},
		{id: "F23", name: "disk of the write-ahead log full, PostgreSQL gone", allows: allowsDBGone, inject: fillLog},
	}
	return act{
		name: "disks",
		bed: func(c *testbed.Config) {
			if os.Geteuid() == 0 {
				c.WALDisk, c.DataDisk = logDisk, tableDisk
			}
		},
		play: func(ctx context.Context, r *run, s *stage) error {
			s.warm(ctx)
			for range times {
				for _, k := range kinds {
					r.say("%s", k.name)
					s.play(ctx, kinds, round{Pause: time.Second, Faults: []planned{{Kind: k.id, Hold: 4 * time.Second}}})
				}
			}
			return nil
		},
	}
}

func fillTables(ctx context.Context, s *stage, f planned) (string, error) {
	p := s.bed.Primary()
	if err := p.FillData(); err != nil {
		return "", err
	}
	wait.For(ctx, f.Hold)
	return "", p.FreeData()
}

func fillLog(ctx context.Context, s *stage, f planned) (string, error) {
	lift, cancel := lifting(ctx)
	defer cancel()
	p := s.bed.Primary()
	if err := p.FillWAL(lift); err != nil {
		return "", errors.Join(err, p.FreeWAL())
	}
	wait.For(ctx, f.Hold)
	if err := p.FreeWAL(); err != nil {
		return "", err
	}
	if err := p.Start(lift); err != nil {
		return "", err
	}
	return "", s.bed.Rejoin(lift) // a log that had to be short may lack what the standby needs next
}
