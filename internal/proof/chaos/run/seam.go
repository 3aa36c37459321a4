//go:build unix

package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"dateline/internal/proof/eventsource"
	"dateline/internal/wait"
)

// trySeam loads pages and opens their streams while others publish: what a page
// shows and what its stream brings must meet exactly.
func trySeam(ctx context.Context, s *stage, f planned) (string, error) {
	random := f.random()
	tries := 0
	for ends := time.Now().Add(f.Hold); time.Now().Before(ends) && ctx.Err() == nil; tries++ {
		if err := s.seam(ctx, random); errors.Is(err, errSeam) {
			s.wrong("F41: %v", err)
		}
		wait.For(ctx, moment(random, 20))
	}
	return fmt.Sprintf("%d tries", tries), nil
}

// errSeam is of a stream that does not go on where the page ends. Other errors
// are of requests that failed, as they may while other faults are at work.
var errSeam = errors.New("page and stream do not meet")

var pageMark = regexp.MustCompile(`data-epoch="([0-9a-f]+)" data-seq="([0-9]+)"`)

// seam takes a page of one node and its stream from any.
func (s *stage) seam(ctx context.Context, random *rand.Rand) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	nodes := s.bed.Nodes()
	slug := s.slugs[random.IntN(len(s.slugs))]
	epoch, seq, err := s.page(ctx, nodes[random.IntN(len(nodes))].URL()+"/b/"+slug)
	if err != nil {
		return err
	}
	wait.For(ctx, moment(random, 30))
	url := fmt.Sprintf("%s/api/v1/blogs/%s/stream?after=%d&epoch=%s", nodes[random.IntN(len(nodes))].URL(), slug, seq, epoch)
	stream, err := (&eventsource.Client{URL: url, HTTP: s.client}).Open(ctx)
	if err != nil {
		return err
	}
	defer stream.Close()
	return meets(stream, seq)
}

func (s *stage) page(ctx context.Context, url string) (epoch string, seq int64, err error) {
	resp, err := s.get(ctx, url)
	if err != nil {
		return "", 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", 0, err
	}
	mark := pageMark.FindSubmatch(text)
	if resp.StatusCode != http.StatusOK || mark == nil {
		return "", 0, fmt.Errorf("page: status %d", resp.StatusCode)
	}
	seq, err = strconv.ParseInt(string(mark[2]), 10, 64)
	return string(mark[1]), seq, err
}

// meets reads a stream up to the head that it told of at first, and a few events
// more if there are any at once.
func meets(stream *eventsource.Stream, seq int64) error {
	head, moved := seq, false
	for next := seq + 1; ; {
		e, err := stream.Next()
		if err != nil {
			return err
		}
		var told struct{ Head, From, Seq int64 }
		if len(e.Data) > 0 {
			if err := json.Unmarshal(e.Data, &told); err != nil {
				return fmt.Errorf("%w: %s is no JSON: %w", errSeam, e.Name, err)
			}
		}
		switch e.Name {
		case "hello":
			head, moved = told.Head, told.From != seq // then a reset must follow
		case "post", "update", "delete", "blog":
			if moved || told.Seq != next {
				return fmt.Errorf("%w: %d was to follow %d, %d came", errSeam, next, seq, told.Seq)
			}
			next++
		case "reset", "bye", "end":
			return nil // judged by the readers that log
		}
		if next > head && !moved {
			return nil
		}
	}
}
