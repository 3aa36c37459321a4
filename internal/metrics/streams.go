package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Streams counts what the hub does.
type Streams struct {
	fetched   prometheus.Counter
	delivered prometheus.Counter
	latency   *histogram
	resets    *prometheus.CounterVec
	closed    *prometheus.CounterVec
}

// NewStreams registers the metrics of streams.
func NewStreams(r prometheus.Registerer) *Streams {
	m := &Streams{
		fetched:   prometheus.NewCounter(prometheus.CounterOpts{Name: "dateline_events_total", Help: "Events that this node read from the log."}),
		delivered: prometheus.NewCounter(prometheus.CounterOpts{Name: "dateline_deliveries_total", Help: "Events written to readers."}),
		latency: newHistogram("dateline_delivery_seconds",
			"From the commit of an event to the end of its write to a reader. The clocks of PostgreSQL and this node must agree.",
			.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10),
		resets: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "dateline_resets_total", Help: "Resets sent to readers, by reason."}, []string{"reason"}),
		closed: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "dateline_streams_closed_total", Help: "Streams that ended, by reason."}, []string{"reason"}),
	}
	r.MustRegister(m.fetched, m.delivered, m.latency, m.resets, m.closed)
	return m
}

// Fetched implements stream.Metrics.
func (m *Streams) Fetched(events int) { m.fetched.Add(float64(events)) }

// Delivered implements stream.Metrics.
func (m *Streams) Delivered(events int) { m.delivered.Add(float64(events)) }

// Latency implements stream.Metrics.
func (m *Streams) Latency(sinceCommit time.Duration, readers int) {
	m.latency.observe(sinceCommit, readers)
}

// Reset implements stream.Metrics.
func (m *Streams) Reset(reason string) { m.resets.WithLabelValues(reason).Inc() }

// Closed implements stream.Metrics.
func (m *Streams) Closed(reason string) { m.closed.WithLabelValues(reason).Inc() }
