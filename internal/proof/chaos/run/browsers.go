//go:build unix

package run

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"dateline/internal/apiclient"
	"dateline/internal/proof/chaos/browser"
	"dateline/internal/proof/chaos/history"
	"dateline/internal/proof/chaos/load"
	"dateline/internal/proof/chaos/testbed"
	"dateline/internal/wait"
)

// openPage is a tab and what it should show.
type openPage struct {
	tab  *browser.Tab
	slug string
	// where and order choose the posts of the blog that belong on the page.
	where, order string
	post         string // the id of the only one, on a permalink
}

// browsed opens twelve tabs of one browser on pages of every kind, lets posts be
// published, corrected, moved between tags and removed while streams are cut, a
// node is killed and, if there is time, a blog is ended and opened again, and
// compares in the end what the tabs show with the database.
func browsed(lasts time.Duration, reopens bool) act {
	return act{
		name: "browsers", settle: briefly,
		bed: func(c *testbed.Config) { c.Standby, c.Synchronous = false, false },
		workload: func(c *workload) {
			*c = workload{Blogs: 2, Publishers: 4, Rate: 2, Streams: 20, Polls: 6, Stay: 5 * time.Second, Again: time.Second, Edits: 35, Deletes: 15, Tagged: true}
		},
		play: func(ctx context.Context, r *run, s *stage) error {
			s.published(ctx, 2*some)
			if err := s.openPages(ctx); err != nil {
				return err
			}
			r.say("%d tabs open", len(s.pages))
			wait.For(ctx, lasts/2)
			s.play(ctx, []kind{streamsCut}, round{Faults: []planned{{Kind: streamsCut.id}}})
			if err := s.correctPermalinks(ctx); err != nil {
				return err
			}
			s.play(ctx, catalogue(), round{Faults: []planned{{Kind: "F2", Target: 2, Hold: time.Second}}})
			if reopens {
				if err := s.reopen(ctx, s.slugs[0]); err != nil {
					return err
				}
			}
			wait.For(ctx, lasts/2)
			return nil
		},
		after: func(ctx context.Context, r *run, s *stage) error { return s.comparePages(ctx, reopens) },
	}
}

// openPages opens the tabs; the browser ends with the act.
func (s *stage) openPages(ctx context.Context) (err error) {
	if s.browser, err = browser.Start(ctx); err != nil {
		return err
	}
	pages := []openPage{}
	for _, slug := range s.slugs {
		pages = append(pages,
			openPage{slug: slug}, openPage{slug: slug}, openPage{slug: slug, where: "key_event"},
			openPage{slug: slug, where: "'" + load.Tags[0] + "' = ANY(tags)"}, openPage{slug: slug, order: "oldest"})
	}
	for i, slug := range s.slugs {
		w := s.newWrite("permalink", i)
		w.Blog = slug
		if err := s.post(ctx, 1, w, "a text that will be corrected"); err != nil {
			return err
		}
		var id string
		if err := s.ask(ctx, &id, `SELECT id::text FROM posts WHERE title = $1`, w.Text); err != nil {
			return fmt.Errorf("permalink: %w", err)
		}
		pages = append(pages, openPage{slug: slug, post: id})
	}
	for _, p := range pages {
		if p.tab, err = s.browser.Open(p.name(), s.bed.FrontURL()+p.path()); err != nil {
			s.wrong("G10: %v", err)
			continue
		}
		s.pages = append(s.pages, p)
	}
	return nil
}

func (p openPage) name() string {
	switch {
	case p.post != "":
		return "permalink of " + p.slug
	case p.order != "":
		return "oldest first page of " + p.slug
	case p.where == "":
		return "page of " + p.slug
	default:
		return "page of " + p.slug + " with " + p.where
	}
}

func (p openPage) path() string {
	switch {
	case p.post != "":
		return "/b/" + p.slug + "/p/" + p.post
	case p.order != "":
		return "/b/" + p.slug + "?order=oldest"
	case p.where == "key_event":
		return "/b/" + p.slug + "?filter=key"
	case p.where != "":
		return "/b/" + p.slug + "?tag=" + load.Tags[0]
	default:
		return "/b/" + p.slug
	}
}

// correctPermalinks changes the posts that have tabs of their own.
func (s *stage) correctPermalinks(ctx context.Context) error {
	for i, p := range s.pages {
		if p.post == "" {
			continue
		}
		w := s.newWrite("corrected", i)
		w.Op, w.Blog, w.Post, w.Key = history.Edit, p.slug, p.post, ""
		if err := s.correct(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

// correct changes a post of version 1, and records the answer.
func (s *stage) correct(ctx context.Context, w history.Write) error {
	var told struct{ Seq, Version int64 }
	err := s.api(s.node(1).URL()).Do(ctx, apiclient.Request{
		Method: http.MethodPatch, Path: "/api/v1/blogs/" + w.Blog + "/posts/" + w.Post, IfMatch: `"v1"`,
		Body: apiclient.JSON(map[string]string{"title": w.Text}),
	}, &told)
	if err != nil {
		return fmt.Errorf("correct a post: %w", err)
	}
	w.Seq, w.Version, w.Status, w.Ended = told.Seq, told.Version, http.StatusOK, time.Now().UnixNano()
	s.writes.Add(w)
	return nil
}

const (
	// freshPage is how many posts a page has at least when there are so many.
	freshPage = 10
	// keyEvents is how many of them a page lists.
	keyEvents = 30
	// looking is how often a page that ended looks whether its blog goes on.
	looking = time.Minute
	// arriving is how long the last changes may take to a page.
	arriving = 20 * time.Second
)

// comparePages asks all tabs, until none differs or the time is over.
func (s *stage) comparePages(ctx context.Context, reopened bool) error {
	defer s.browser.Close()
	limit := arriving
	if reopened {
		limit += looking + looking/4
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	lift, stop := lifting(ctx)
	defer stop()
	for {
		wrong, err := s.differences(lift)
		if err != nil || len(wrong) == 0 {
			s.figure("pages in Chromium that show what the database has", "%d", len(s.pages))
			return err
		}
		if wait.For(ctx, 500*time.Millisecond); ctx.Err() != nil {
			for _, w := range wrong {
				s.wrong("G5: %s", w)
			}
			return nil
		}
	}
}

func (s *stage) differences(ctx context.Context) (all []string, err error) {
	for _, p := range s.pages {
		want, err := s.contentOf(ctx, p)
		if err != nil {
			return nil, err
		}
		wrong, err := p.tab.Compare(want)
		if err != nil {
			wrong = []string{err.Error()}
		}
		if len(wrong) > 0 {
			all = append(all, "the "+p.tab.What+": "+strings.Join(wrong, "; "))
		}
	}
	return all, nil
}

// contentOf reads what a page should show.
func (s *stage) contentOf(ctx context.Context, p openPage) (want browser.Content, err error) {
	want.Least = freshPage
	if p.post != "" {
		want.Posts, err = s.postsOf(ctx, p.slug, "p.id = '"+p.post+"'", "", 1)
		return want, err
	}
	if want.Posts, err = s.postsOf(ctx, p.slug, p.where, p.order, 5000); err != nil {
		return want, err
	}
	want.Keys, err = s.postsOf(ctx, p.slug, "key_event", "", keyEvents)
	return want, err
}

func (s *stage) postsOf(ctx context.Context, slug, where, order string, limit int) ([]browser.Post, error) {
	conn, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	query := `SELECT p.id::text AS id, p.version, p.title, p.html FROM posts p JOIN blogs b ON b.id = p.blog_id WHERE b.slug = $1 AND p.status = 'published'`
	if where != "" {
		query += " AND " + where
	}
	query += " ORDER BY p.position"
	if order == "" {
		query += " DESC"
	}
	rows, err := conn.Query(ctx, query+" LIMIT $2", slug, limit)
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByName[browser.Post])
	if all == nil {
		all = []browser.Post{}
	}
	return all, err
}
