package metrics

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// histogram is a prometheus.Collector of durations that takes many equal ones at
// once. The library's own takes one at a time, which costs too much where thousands
// of readers get an event within the same millisecond.
type histogram struct {
	desc    *prometheus.Desc
	bounds  []float64 // of the buckets, in seconds, ascending
	buckets []atomic.Uint64
	sum     atomic.Int64 // nanoseconds
}

func newHistogram(name, help string, bounds ...float64) *histogram {
	return &histogram{desc: prometheus.NewDesc(name, help, nil, nil), bounds: bounds, buckets: make([]atomic.Uint64, len(bounds)+1)}
}

// observe adds n observations of d.
func (h *histogram) observe(d time.Duration, n int) {
	i, _ := slices.BinarySearch(h.bounds, d.Seconds())
	h.buckets[i].Add(uint64(n))
	h.sum.Add(int64(d) * int64(n))
}

// Describe implements prometheus.Collector.
func (h *histogram) Describe(to chan<- *prometheus.Desc) { to <- h.desc }

// Collect implements prometheus.Collector.
func (h *histogram) Collect(to chan<- prometheus.Metric) {
	below, count := map[float64]uint64{}, uint64(0)
	for i, bound := range h.bounds {
		count += h.buckets[i].Load()
		below[bound] = count
	}
	count += h.buckets[len(h.bounds)].Load()
	to <- prometheus.MustNewConstHistogram(h.desc, count, time.Duration(h.sum.Load()).Seconds(), below)
}
