package main

import (
	"time"

	"dateline/internal/postgres"
	"dateline/internal/stream"

	"github.com/prometheus/client_golang/prometheus"
)

// streamMetrics counts what the hub does.
type streamMetrics struct {
	fetched   prometheus.Counter
	delivered prometheus.Counter
	latency   *histogram
	resets    *prometheus.CounterVec
	closed    *prometheus.CounterVec
}

func newStreamMetrics(r prometheus.Registerer) *streamMetrics {
	m := &streamMetrics{
		fetched:   prometheus.NewCounter(prometheus.CounterOpts{Name: "dateline_events_total", Help: "Events that this node read from the log."}),
		delivered: prometheus.NewCounter(prometheus.CounterOpts{Name: "dateline_deliveries_total", Help: "Events written to readers."}),
		latency: newHistogram("dateline_delivery_seconds",
			"From the commit of an event to the end of its write to a reader. The clocks of PostgreSQL and this node must agree.",
			.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10),
		resets: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "dateline_resets_total", Help: "Readers told to start again, by reason."}, []string{"reason"}),
		closed: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "dateline_streams_closed_total", Help: "Streams that ended, by reason."}, []string{"reason"}),
	}
	r.MustRegister(m.fetched, m.delivered, m.latency, m.resets, m.closed)
	return m
}

// Fetched implements stream.Metrics.
func (m *streamMetrics) Fetched(events int) { m.fetched.Add(float64(events)) }

// Delivered implements stream.Metrics.
func (m *streamMetrics) Delivered(events int) { m.delivered.Add(float64(events)) }

// Latency implements stream.Metrics.
func (m *streamMetrics) Latency(sinceCommit time.Duration, readers int) {
	m.latency.observe(sinceCommit, readers)
}

// Reset implements stream.Metrics.
func (m *streamMetrics) Reset(reason string) { m.resets.WithLabelValues(reason).Inc() }

// Closed implements stream.Metrics.
func (m *streamMetrics) Closed(reason string) { m.closed.WithLabelValues(reason).Inc() }

// watch adds what can be read at any moment.
func watch(r prometheus.Registerer, hub *stream.Hub, listener *postgres.Listener, db *database) {
	gauge := func(name, help string, read func() float64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
	}
	gauge("dateline_streams", "Open streams and long polls.", func() float64 { return float64(hub.Streams()) })
	gauge("dateline_blogs_watched", "Blogs that this node follows.", func() float64 { return float64(len(hub.Watched())) })
	gauge("dateline_listener_up", "1 while notifications arrive; without them, a poll finds events within a second.", func() float64 {
		if listener.Listening() {
			return 1
		}
		return 0
	})
	gauge("dateline_database_connections", "Open connections to PostgreSQL, without the listener's.", func() float64 {
		open, _ := db.Connections()
		return float64(open)
	})
	gauge("dateline_database_connections_busy", "Those in use.", func() float64 {
		_, busy := db.Connections()
		return float64(busy)
	})
	statements := func(pool string, read func() float64) {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "dateline_database_statements_total", Help: "Statements sent to PostgreSQL outside of transactions, by pool of connections.",
			ConstLabels: prometheus.Labels{"pool": pool},
		}, read))
	}
	statements("reads", func() float64 { reads, _ := db.Statements(); return float64(reads) })
	statements("log", func() float64 { _, log := db.Statements(); return float64(log) })
}
