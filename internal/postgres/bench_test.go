package postgres_test

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/proof/pgtest"
)

// BenchmarkPublish is what one post of 300 bytes costs from the call to the
// commit, with its idempotency key, revision, event and audit row, by one
// publisher and by 40 on one blog, who wait for each other's commit.
func BenchmarkPublish(b *testing.B) {
	for _, publishers := range []int{1, 40} {
		b.Run(fmt.Sprintf("publishers=%d", publishers), func(b *testing.B) { benchmarkPublish(b, publishers) })
	}
}

func benchmarkPublish(b *testing.B, publishers int) {
	db := pgtest.New(b)
	post := newPost(newBlog(b, db), strings.Repeat("x", 300))
	var next atomic.Int64
	var mu sync.Mutex
	var took []time.Duration
	b.ResetTimer()
	var all sync.WaitGroup
	for range publishers {
		all.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				key := liveblog.IdempotencyKey{Key: fmt.Sprintf("key-%d", n), Hash: sha256.Sum256(nil)}
				began := time.Now()
				if _, err := db.CreatePost(b.Context(), nobody, key, post, anyone); err != nil {
					b.Error(err)
					return
				}
				mu.Lock()
				took = append(took, time.Since(began))
				mu.Unlock()
			}
		})
	}
	all.Wait()
	slices.Sort(took)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "posts/s")
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
}
