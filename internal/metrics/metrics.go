// Package metrics adapts what the parts of a node report to Prometheus. The parts
// declare the interfaces that it implements, and know nothing of Prometheus.
package metrics

import (
	"net/http"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// NewRegistry makes a registry with the metrics of this process, and without those
// that a library put into the global one.
func NewRegistry(version string) *prometheus.Registry {
	r := prometheus.NewRegistry()
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "dateline_build_info", Help: "1, with the version as label.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	info.Set(1)
	r.MustRegister(info, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Handler answers /metrics.
func Handler(r *prometheus.Registry) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(r, promhttp.HandlerOpts{}))
	return mux
}

// Hub is what serves streams.
type Hub interface {
	Streams() int
	Watched() []uuid.UUID
}

// Listener receives the database's notifications.
type Listener interface{ Listening() bool }

// Database counts its connections and statements.
type Database interface {
	Connections() (open, busy int32)
	Statements() (reads, events int64)
}

// Register adds the metrics that are read when Prometheus asks.
func Register(r prometheus.Registerer, hub Hub, listener Listener, db Database) {
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
	statements("events", func() float64 { _, events := db.Statements(); return float64(events) })
}
