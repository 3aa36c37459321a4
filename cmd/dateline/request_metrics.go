package main

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// requestMetrics measures requests by route. How long a stream lasted says
// nothing, so streams are left out.
type requestMetrics struct {
	took *prometheus.HistogramVec
}

const streamRoute = "/api/v1/blogs/:slug/stream"

func newRequestMetrics(r prometheus.Registerer) *requestMetrics {
	m := &requestMetrics{took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "dateline_request_seconds", Help: "Time to answer a request, by method, route and status; streams are left out.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
	}, []string{"method", "route", "status"})}
	r.MustRegister(m.took)
	return m
}

// Request implements server.Observer.
func (m *requestMetrics) Request(method, route string, status int, took time.Duration) {
	if route == streamRoute {
		return
	}
	m.took.WithLabelValues(knownMethod(method), route, strconv.Itoa(status)).Observe(took.Seconds())
}

// knownMethod keeps clients from making up values of a label.
func knownMethod(method string) string {
	switch method {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE":
		return method
	}
	return "other"
}
