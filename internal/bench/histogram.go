package bench

import (
	"encoding/json"
	"math/bits"
	"time"
)

const (
	// fine is how many buckets there are per power of two: values are exact to
	// 1.6 %.
	fine     = 64
	fineBits = 6
	// buckets covers up to 2^42 ns, more than an hour.
	buckets = (42 - fineBits + 1) * fine
)

// Histogram counts durations in buckets of fixed bounds, so that those of many
// processes can be added.
type Histogram struct {
	counts []uint64
	total  uint64
	max    int64 // ns
}

// bucketOf finds the bucket of a duration in ns: below 64 each has its own,
// above, the six bits after the first tell.
func bucketOf(ns int64) int {
	if ns < fine {
		return int(max(ns, 0))
	}
	shift := bits.Len64(uint64(ns)) - fineBits - 1
	return min((shift+1)*fine+int(ns>>shift)-fine, buckets-1)
}

// upper is the highest duration of a bucket, in ns.
func upper(bucket int) int64 {
	if bucket < fine {
		return int64(bucket)
	}
	shift := bucket/fine - 1
	return (int64(bucket%fine+fine)+1)<<shift - 1
}

// Add counts a duration in ns.
func (h *Histogram) Add(ns int64) {
	if h.counts == nil {
		h.counts = make([]uint64, buckets)
	}
	h.counts[bucketOf(ns)]++
	h.total++
	h.max = max(h.max, ns)
}

// Merge adds what another one counted.
func (h *Histogram) Merge(other *Histogram) {
	if other.total == 0 {
		return
	}
	if h.counts == nil {
		h.counts = make([]uint64, buckets)
	}
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.total += other.total
	h.max = max(h.max, other.max)
}

// Quantile is the duration that a share q of all don't exceed.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := uint64(q * float64(h.total))
	var seen uint64
	for i, n := range h.counts {
		if seen += n; n > 0 && seen >= max(rank, 1) {
			return time.Duration(min(upper(i), h.max))
		}
	}
	return time.Duration(h.max)
}

// sparse is a histogram on its way between processes.
type sparse struct {
	Buckets [][2]uint64 // index and count of those that are not empty
	Max     int64
}

// MarshalJSON implements json.Marshaler.
func (h *Histogram) MarshalJSON() ([]byte, error) {
	s := sparse{Max: h.max}
	for i, n := range h.counts {
		if n > 0 {
			s.Buckets = append(s.Buckets, [2]uint64{uint64(i), n})
		}
	}
	return json.Marshal(s)
}

// UnmarshalJSON implements json.Unmarshaler.
func (h *Histogram) UnmarshalJSON(text []byte) error {
	var s sparse
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	*h = Histogram{counts: make([]uint64, buckets), max: s.Max}
	for _, b := range s.Buckets {
		h.counts[min(b[0], buckets-1)] += b[1]
		h.total += b[1]
	}
	return nil
}

// Quantiles sums up a histogram, in milliseconds.
type Quantiles struct {
	P50 float64 `json:"p50_ms"`
	P90 float64 `json:"p90_ms"`
	P99 float64 `json:"p99_ms"`
	Max float64 `json:"max_ms"`
}

// Quantiles returns nil when nothing was counted.
func (h *Histogram) Quantiles() *Quantiles {
	if h.total == 0 {
		return nil
	}
	ms := func(q float64) float64 { return milliseconds(int64(h.Quantile(q))) }
	return &Quantiles{P50: ms(0.5), P90: ms(0.9), P99: ms(0.99), Max: milliseconds(h.max)}
}

func milliseconds(ns int64) float64 { return float64(ns) / 1e6 }
