//go:build unix

package run

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"dateline/internal/proof/eventsource"
)

// keepEvents is how many events of a blog pruning leaves.
const keepEvents = 200

// pruneEvents forgets the older events of one blog, with the operator's command,
// and asks at the horizon what is left.
func pruneEvents(ctx context.Context, s *stage, f planned) (string, error) {
	slug := s.slugs[f.random().IntN(len(s.slugs))]
	if err := s.prune(ctx, slug, keepEvents); err != nil {
		return slug, err
	}
	low, epoch, err := s.horizon(ctx, slug)
	if err != nil {
		return slug, err
	}
	for after := max(0, low-1); after <= low+1; after++ {
		if err := s.resume(ctx, slug, epoch, after); errors.Is(err, errSeam) {
			s.wrong("F33: after %d, horizon %d: %v", after, low, err)
		}
	}
	return fmt.Sprintf("%s up to %d", slug, low), nil
}

// prune runs the command as an operator does.
func (s *stage) prune(ctx context.Context, slug string, keep int) error {
	ctx, cancel := lifting(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.config.Binary, "prune", "--blog="+slug, "--keep="+strconv.Itoa(keep), "--data-dir="+filepath.Join(s.dir, "cli.data"))
	cmd.Env = []string{"DATELINE_DATABASE_URL=" + s.bed.DSN()}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("dateline prune: %w: %s", err, out)
	}
	return nil
}

// horizon is up to which event a blog's log is pruned.
func (s *stage) horizon(ctx context.Context, slug string) (low int64, epoch string, err error) {
	conn, err := s.connect(ctx)
	if err != nil {
		return 0, "", err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	err = conn.QueryRow(ctx, `SELECT low_seq, epoch FROM blogs WHERE slug = $1`, slug).Scan(&low, &epoch)
	return low, epoch, err
}

// resume opens a stream after an event, which must go on there or say that it
// can't.
func (s *stage) resume(ctx context.Context, slug, epoch string, after int64) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	url := fmt.Sprintf("%s/api/v1/blogs/%s/stream?after=%d&epoch=%s", s.bed.FrontURL(), slug, after, epoch)
	stream, err := (&eventsource.Client{URL: url, HTTP: s.client}).Open(ctx)
	if err != nil {
		return err
	}
	defer stream.Close()
	return meets(stream, after)
}
