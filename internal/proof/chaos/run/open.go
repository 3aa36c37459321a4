//go:build unix

package run

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"dateline/internal/apiclient"
	"dateline/internal/proof/chaos/history"
	"dateline/internal/proof/chaos/load"
	"dateline/internal/proof/chaos/testbed"
)

// mixedEngines makes readers who move between nodes move between both paths.
const mixedEngines = "mixed"

// engine is how a node serves streams.
func engine(option string, node int) string {
	switch {
	case option != mixedEngines:
		return option
	case node%2 == 0:
		return "portable"
	default:
		return "auto"
	}
}

// open starts the bed of an act, with its blogs and its token.
func (r *run) open(ctx context.Context, a act, dir string) (s *stage, err error) {
	s = &stage{
		dir: dir, workload: r.profile.workload, recoveryTimeout: 30 * time.Second, variant: r.variant, next: r.next, tracker: load.NewTracker(), tally: new(load.Tally), door: make(chan struct{}),
		client: &http.Client{Transport: &http.Transport{DisableCompression: true}},
		config: testbed.Config{
			Dir: filepath.Join(dir, "bed"), Tools: r.tools, Fresh: r.fresh, Binary: r.binary, Nodes: 3, Standby: true, Synchronous: true, Nginx: true, Durable: true,
			NodeEnv: func(node int) []string { return []string{"DATELINE_ENGINE=" + engine(r.engine, node)} },
		},
	}
	if a.bed != nil {
		a.bed(&s.config)
	}
	if a.workload != nil {
		a.workload(&s.workload)
	}
	if s.faults, err = history.NewLog(filepath.Join(dir, history.FaultsFile)); err != nil {
		return nil, err
	}
	samples, err := history.NewLog(filepath.Join(dir, history.SamplesFile))
	if err != nil {
		return nil, err
	}
	s.sampler = &sampler{stage: s, log: samples}
	if s.bed, err = testbed.Start(ctx, s.config); err != nil {
		return nil, err
	}
	if err := s.furnish(ctx); err != nil {
		return nil, errors.Join(err, s.bed.Close())
	}
	return s, nil
}

// furnish makes what clients work with.
func (s *stage) furnish(ctx context.Context) error {
	if err := s.sql(ctx, keepPruned); err != nil {
		return err
	}
	token, err := s.bed.Token(ctx, "read", "posts:write", "blogs:write")
	if err != nil {
		return err
	}
	s.token = token
	if err := s.createBlog(ctx, draftSlug, "draft"); err != nil {
		return err
	}
	for i := range s.workload.Blogs {
		slug := fmt.Sprintf("blog-%d", i+1)
		if err := s.createBlog(ctx, slug, "live"); err != nil {
			return err
		}
		s.slugs = append(s.slugs, slug)
	}
	return errors.Join(s.expire(ctx), s.attend(ctx))
}

// attend makes every node follow the blogs from the log's beginning, where late
// readers begin.
func (s *stage) attend(ctx context.Context) error {
	if !s.workload.Late {
		return nil
	}
	for i := range len(s.bed.Nodes()) * len(s.slugs) {
		if err := s.greeted(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// draftSlug is the blog that only those with a credential may read.
const draftSlug = "draft-of-chaos"

func (s *stage) createBlog(ctx context.Context, slug, status string) error {
	err := s.api(s.node(1).URL()).Do(ctx, apiclient.Request{
		Method: http.MethodPost, Path: "/api/v1/blogs", Key: "chaos-run-creates-" + slug,
		Body: apiclient.JSON(map[string]string{"slug": slug, "title": slug, "status": status}),
	}, nil)
	if err != nil {
		return fmt.Errorf("create blog %s: %w", slug, err)
	}
	return nil
}

// close ends the bed and keeps what its nodes said with the history.
func (s *stage) close() error {
	s.client.CloseIdleConnections()
	if s.browser != nil {
		s.browser.Close()
	}
	return errors.Join(s.keepLogs(), s.bed.Close(), s.faults.Close(), s.sampler.log.Close())
}

func (s *stage) keepLogs() error {
	dir := filepath.Join(s.dir, history.NodesDir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, n := range s.bed.Nodes() {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.log", n.Number)), []byte(n.Log()), 0o644); err != nil {
			return err
		}
	}
	return nil
}
