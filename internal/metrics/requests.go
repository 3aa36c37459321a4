package metrics

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Requests measures requests by route. Streams are left out: how long one lasted
// says nothing about the server.
type Requests struct {
	duration *prometheus.HistogramVec
}

const streamRoute = "/api/v1/blogs/:slug/stream"

// NewRequests registers the metrics of requests.
func NewRequests(r prometheus.Registerer) *Requests {
	m := &Requests{duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "dateline_request_seconds", Help: "Time to answer a request, by method, route and status; streams are left out.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
	}, []string{"method", "route", "status"})}
	r.MustRegister(m.duration)
	return m
}

// Request implements server.Observer.
func (m *Requests) Request(method, route string, status int, took time.Duration) {
	if route == streamRoute {
		return
	}
	m.duration.WithLabelValues(knownMethod(method), route, strconv.Itoa(status)).Observe(took.Seconds())
}

// knownMethod keeps clients from inventing values of a label.
func knownMethod(method string) string {
	switch method {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE":
		return method
	}
	return "other"
}
